{#- Runs before the first model: a setting that cannot work stops the build before anything is written. -#}
{% macro check_configuration() %}
    {% if execute %}
        {% do check_event_mapping() %}
        {% do events_relation() %}
        {% do events_path() %}
        {% do given_as_of() %}
        {% do check_number('warn_left_over', 0, 1) %}
        {% do check_number('stop_left_over', 0, 1) %}
        {% do check_number('bot_events_per_day', 1, none, whole=true) %}
        {% do check_number('events_per_chunk', 1, none, whole=true) %}
        {% do check_number('users_per_chunk', 1, none, whole=true) %}
        {% do check_number('horizon_days', 1, 365, whole=true) %}
        {% do check_number('top_fraction', 0, 1, above_low=true) %}
        {% do check_number('min_probability', 0, 1, optional=true) %}
        {% do check_number('min_lift', 0, none, optional=true) %}
        {% do check_number('training_users', 100, 1000000000, whole=true) %}
        {% do check_number('training_cutoffs', 1, 60, whole=true) %}
        {% do check_number('training_step_days', 1, 365, whole=true, optional=true) %}
        {% do check_number('training_history_days', 1, 3650, whole=true) %}
        {% do check_number('backtest_users', 100, 1000000000, whole=true) %}
        {% do check_backtest_cutoffs() %}
        {% do check_number('training_seed', 0, 4294967295, whole=true) %}
    {% endif %}
{% endmacro %}

{% macro check_number(name, low, high, whole=false, optional=false, above_low=false) %}
    {% set value = var(name) %}
    {% if not (optional and value is none) %}
        {% set fits = value is number and value is not boolean
            and (value > low if above_low else value >= low)
            and (high is none or value <= high)
            and (not whole or value == value | int) %}
        {% if not fits %}
            {% do stop("vars." ~ name ~ " must be " ~ ('a whole number ' if whole else 'a number ')
                ~ ('above ' if above_low else 'of at least ') ~ low
                ~ ((' and at most ' ~ high) if high is not none else '')
                ~ (', or null' if optional else '') ~ "; found: " ~ value ~ ".") %}
        {% endif %}
    {% endif %}
{% endmacro %}

{% macro check_backtest_cutoffs() %}
    {% set wanted = var('backtest_cutoffs') %}
    {% if wanted is sequence and wanted is not string and wanted %}
        {% for day in wanted %}{% do checked_date('vars.backtest_cutoffs', day) %}{% endfor %}
    {% else %}
        {% do check_number('backtest_cutoffs', 1, 60, whole=true) %}
    {% endif %}
{% endmacro %}
