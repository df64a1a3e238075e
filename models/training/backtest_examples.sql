{{ config(tags=["backtest"]) }}
{%- set user_days = ref('user_days') %}
{%- do check_as_of(user_days) %}
{%- set as_of = as_of_date(user_days) %}

-- vars.backtest_cutoffs is a list of dates, or a number: so many, newest first, in the steps of training
with evaluated as (
    {%- for outcome in outcomes() %}
    {%- if var('backtest_cutoffs') is number %}
    {{ cutoffs_over_by("(select " ~ as_of ~ " as moment)", var('backtest_cutoffs'), outcome) }}
    {%- else %}
    {%- for day in var('backtest_cutoffs') %}
    select
        '{{ outcome.name }}' as outcome,
        {{ outcome.horizon_days }} as horizon_days,
        cast('{{ day | string | trim }}' as date) as cutoff_date
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- those that training would have had at each of them
trained as (
    {%- for outcome in outcomes() %}
    {{ cutoffs_over_by("(select cutoff_date as moment from evaluated where outcome = '" ~ outcome.name ~ "')", var('training_cutoffs'), outcome) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

possible_cutoffs as (
    select * from evaluated
    union distinct
    select * from trained
),

cutoffs as (
    {%- for outcome in outcomes() %}
    select *
    from possible_cutoffs
    where
        outcome = '{{ outcome.name }}'
        and cutoff_date >= {{ first_cutoff(user_days, outcome) }}
        and cutoff_date <= {{ dbt.dateadd('day', -outcome.horizon_days, as_of) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

backtest_examples as (
    {{ training_examples('cutoffs', user_days, var('backtest_users')) }}
)

select
    *,
    {{ as_of }} as as_of_date
from backtest_examples
