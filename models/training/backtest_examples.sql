{{ config(tags=["backtest"]) }}
{%- set user_days = ref('user_days') %}
{%- do check_as_of(user_days) %}
{%- set as_of = as_of_date(user_days) %}
{%- set of_training = cutoffs_over_by("(select cutoff_date as moment from evaluated)", var('training_cutoffs')) %}

-- vars.backtest_cutoffs is a list of dates, or a number: so many, newest first, in the steps of training
with evaluated as (
    {%- if var('backtest_cutoffs') is number %}
    {{ cutoffs_over_by("(select " ~ as_of ~ " as moment)", var('backtest_cutoffs')) }}
    {%- else %}
    {%- for day in var('backtest_cutoffs') %}
    select cast('{{ day | string | trim }}' as date) as cutoff_date
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {%- endif %}
),

-- those that training would have had at each of them
trained as (
    {{ of_training }}
),

cutoffs as (
    select distinct cutoff_date
    from (
        select cutoff_date from evaluated
        union all
        select cutoff_date from trained
    ) as possible_cutoffs
    where
        cutoff_date >= {{ first_cutoff(user_days) }}
        and cutoff_date <= {{ dbt.dateadd('day', -var('horizon_days'), as_of) }}
),

backtest_examples as (
    {{ training_examples('cutoffs', user_days, var('backtest_users')) }}
)

select * from backtest_examples
