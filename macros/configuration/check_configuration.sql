{#-
    Runs before the first model: a setting that cannot work stops the build before anything is written. Numbers, dates and
    names of settings are checked by python/likely_buyers/variables.py, before dbt opens the database.
-#}
{% macro check_configuration() %}
    {% if execute %}
        {% do check_event_mapping() %}
        {% do events_relation() %}
        {% do events_path() %}
    {% endif %}
{% endmacro %}
