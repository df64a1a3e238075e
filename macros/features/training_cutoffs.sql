{#-
    Select of so many cutoffs of an outcome whose horizon is over by each `moment` of a relation, the last ones. They step back
    by half the horizon, at least a week: closer ones repeat the same outcomes, wider ones waste them.
-#}
{% macro cutoffs_over_by(moments, how_many, outcome) %}
    {%- set step_days = var('training_step_days') or [7, outcome.horizon_days // 2] | max %}
    {%- set days_before = outcome.horizon_days ~ ' + numbers.number * ' ~ step_days %}
    select
        '{{ outcome.name }}' as outcome,
        {{ outcome.horizon_days }} as horizon_days,
        cast({{ dbt.dateadd('day', '-(' ~ days_before ~ ')', 'moments.moment') }} as date) as cutoff_date
    from {{ moments }} as moments
    cross join (values {% for number in range(how_many) %}({{ number }}){{ ', ' if not loop.last }}{% endfor %}) as numbers (number)
{% endmacro %}

{#-
    The earliest cutoff of an outcome that has enough history before it, as a SQL expression: vars.training_history_days, or in
    a log that is shorter half of what it has beside the horizon.
-#}
{% macro first_cutoff(user_days, outcome) -%}
    {%- set days = dbt.datediff('min(event_date)', as_of_date(user_days), 'day') | trim %}
    {%- set history = "least(" ~ var('training_history_days') ~ ", greatest(1, floor((" ~ days ~ " - " ~ outcome.horizon_days ~ ") / 2)))" %}
    (select cast({{ dbt.dateadd('day', history, 'min(event_date)') }} as date) from {{ user_days }})
{%- endmacro %}
