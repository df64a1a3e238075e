{#-
    Past cutoffs to train at, newest first: their horizon is over by as_of, and enough history lies before them.
    They step back by half the horizon, at least a week: closer ones repeat the same outcomes, wider ones waste them.
-#}
{% macro training_cutoffs(user_days) %}
    {%- set horizon_days = var('horizon_days') %}
    {%- set step_days = training_step_days() %}
    {%- do check_training_history(user_days) %}
    select
        cutoff_date
    from (
        {%- for number in range(var('training_cutoffs')) %}
        select cast({{ dbt.dateadd('day', -(horizon_days + number * step_days), as_of_date(user_days)) }} as date)
            as cutoff_date
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as possible_cutoffs
    where
        cutoff_date >= (
            select cast({{ dbt.dateadd('day', var('training_history_days'), 'min(event_date)') }} as date)
            from {{ user_days }}
        )
{% endmacro %}

{% macro training_step_days() %}
    {% do return(var('training_step_days') or [7, var('horizon_days') // 2] | max) %}
{% endmacro %}

{% macro check_training_history(user_days) %}
    {% if execute and user_days.schema and load_relation(user_days) is not none %}
        {% set row = run_query(
            "select min(event_date) as first_day, " ~ as_of_date(user_days) ~ " as as_of, "
            ~ dbt.datediff('min(event_date)', as_of_date(user_days), 'day') ~ " as days from " ~ user_days).rows[0] %}
        {% set needed = var('horizon_days') + var('training_history_days') %}
        {% if row[2] is not none and row[2] < needed %}
            {% do stop("the history is too short to train: from the first event day (" ~ row[0] ~ ") to as_of ("
                ~ row[1] ~ ") it has " ~ row[2] ~ " days, and needs " ~ needed ~ " (horizon_days "
                ~ var('horizon_days') ~ " and " ~ var('training_history_days')
                ~ " days before the cutoff). Load older events, or set a shorter horizon_days.") %}
        {% endif %}
    {% endif %}
{% endmacro %}
