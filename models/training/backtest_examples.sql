{{ config(tags=["backtest"]) }}
{%- do check_as_of(ref('user_days')) %}

-- vars.backtest_cutoffs is a list of dates, or a number: so many, newest first, in the steps of training
with evaluated as (
    {%- if var('backtest_cutoffs') is number %}
    {{ cutoffs_over_by("(select " ~ as_of_date(ref('user_days')) ~ " as moment)", var('backtest_cutoffs')) }}
    {%- else %}
    {%- for day in var('backtest_cutoffs') %}
    select cast('{{ day | string | trim }}' as date) as cutoff_date
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {%- endif %}
),

-- those that training would have had at each of them
trained as (
    {{ cutoffs_over_by("(select cutoff_date as moment from evaluated)", var('training_cutoffs')) }}
),

cutoffs as (
    select distinct cutoff_date
    from (
        select cutoff_date from evaluated
        union all
        select cutoff_date from trained
    ) as possible_cutoffs
    where
        cutoff_date >= {{ first_cutoff(ref('user_days')) }}
        and cutoff_date <= {{ dbt.dateadd('day', -var('horizon_days'), as_of_date(ref('user_days'))) }}
),

backtest_examples as (
    {{ training_examples('cutoffs', ref('user_days'), var('backtest_users')) }}
)

select * from backtest_examples
