{#-
    Cutoffs of a backtest: those to evaluate at, and before each of them those that training would have had then.
    vars.backtest_cutoffs is a list of dates, or a number: so many, newest first, in the steps of training.
-#}
{% macro backtest_cutoffs(user_days) %}
    {%- set wanted = var('backtest_cutoffs') %}
    with evaluated as (
        {%- if wanted is number %}
        {{ cutoffs_over_by("(select " ~ as_of_date(user_days) ~ " as moment)", wanted) }}
        {%- else %}
        {%- for day in wanted %}
        select cast('{{ day | string | trim }}' as date) as cutoff_date
        {{ 'union all' if not loop.last }}
        {%- endfor %}
        {%- endif %}
    ),

    trained as (
        {{ cutoffs_over_by("(select cutoff_date as moment from evaluated)", var('training_cutoffs')) }}
    )

    select distinct cutoff_date
    from (
        select cutoff_date from evaluated
        union all
        select cutoff_date from trained
    ) as possible_cutoffs
    where
        cutoff_date >= {{ first_cutoff(user_days) }}
        and cutoff_date <= {{ dbt.dateadd('day', -var('horizon_days'), as_of_date(user_days)) }}
{% endmacro %}
