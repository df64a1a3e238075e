{#-
    Past cutoffs to train at, newest first: their horizon is over by as_of, and enough history lies before them.
    They step back by half the horizon, at least a week: closer ones repeat the same outcomes, wider ones waste them.
-#}
{% macro training_cutoffs(user_days) %}
    {%- do check_training_history(user_days) %}
    select cutoff_date
    from ({{ cutoffs_over_by(as_of_date(user_days)) }}) as possible_cutoffs
    where cutoff_date >= {{ first_cutoff(user_days) }}
{% endmacro %}

{#- Select of the cutoffs whose horizon is over by a moment, a SQL expression, as many as training takes. -#}
{% macro cutoffs_over_by(moment) %}
    {%- for number in range(var('training_cutoffs')) %}
    select
        cast({{ dbt.dateadd('day', -(var('horizon_days') + number * training_step_days()), moment) }} as date)
            as cutoff_date
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- The earliest cutoff that has enough history before it, as a SQL expression. -#}
{% macro first_cutoff(user_days) -%}
    (
        select cast({{ dbt.dateadd('day', var('training_history_days'), 'min(event_date)') }} as date)
        from {{ user_days }}
    )
{%- endmacro %}

{% macro training_step_days() %}
    {% do return(var('training_step_days') or [7, var('horizon_days') // 2] | max) %}
{% endmacro %}

{% macro check_training_history(user_days) %}
    {% if can_be_read(user_days) %}
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
