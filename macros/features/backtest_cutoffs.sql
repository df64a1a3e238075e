{#-
    Cutoffs of a backtest: those to evaluate at, and before each of them those that training would have had then.
    vars.backtest_cutoffs is a list of dates, or a number: so many, newest first, in the steps of training.
-#}
{% macro backtest_cutoffs(user_days) %}
    {%- set horizon_days = var('horizon_days') %}
    {%- set step_days = training_step_days() %}
    {%- set wanted = var('backtest_cutoffs') %}
    {%- set evaluated = [] %}
    {%- if wanted is number %}
    {%- for number in range(wanted) %}
    {%- do evaluated.append(dbt.dateadd('day', -(horizon_days + number * step_days), as_of_date(user_days)) | trim) %}
    {%- endfor %}
    {%- else %}
    {%- for day in wanted %}
    {%- do evaluated.append("cast('" ~ (day | string | trim) ~ "' as date)") %}
    {%- endfor %}
    {%- endif %}
    select distinct cutoff_date
    from (
        {%- for cutoff in evaluated %}
        select cast({{ cutoff }} as date) as cutoff_date
        union all
        {{ cutoffs_over_by(cutoff) }}
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as possible_cutoffs
    where
        cutoff_date >= {{ first_cutoff(user_days) }}
        and cutoff_date <= {{ dbt.dateadd('day', -horizon_days, as_of_date(user_days)) }}
{% endmacro %}
