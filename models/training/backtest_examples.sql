{{ config(tags=["backtest"]) }}
{%- do check_as_of(ref('user_days')) %}

with cutoffs as (
    {{ backtest_cutoffs(ref('user_days')) }}
),

backtest_examples as (
    {{ training_examples('cutoffs', ref('user_days'), var('backtest_users')) }}
)

select * from backtest_examples
