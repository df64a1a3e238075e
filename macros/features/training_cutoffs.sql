{#-
    Past cutoffs to train at, newest first: their horizon is over by as_of, and enough history lies before them.
    They step back by half the horizon, at least a week: closer ones repeat the same outcomes, wider ones waste them.
-#}
{% macro training_cutoffs(user_days) %}
    {%- do check_training_history(user_days) %}
    select cutoff_date
    from ({{ cutoffs_over_by("(select " ~ as_of_date(user_days) ~ " as moment)", var('training_cutoffs')) }}) as possible_cutoffs
    where cutoff_date >= {{ first_cutoff(user_days) }}
{% endmacro %}

{#- Select of so many cutoffs whose horizon is over by each `moment` of a relation, the last ones. -#}
{% macro cutoffs_over_by(moments, how_many) %}
    {%- set days_before = var('horizon_days') ~ ' + numbers.number * ' ~ training_step_days() %}
    select cast({{ dbt.dateadd('day', '-(' ~ days_before ~ ')', 'moments.moment') }} as date) as cutoff_date
    from {{ moments }} as moments
    cross join (values {% for number in range(how_many) %}({{ number }}){{ ', ' if not loop.last }}{% endfor %}) as numbers (number)
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
