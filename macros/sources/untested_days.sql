{#- Select of the days (event_date) of lines in loads that a model has taken in and its test has not passed since. -#}
{% macro untested_days(of_model, test_name) %}
    select distinct {{ event_day('event_time') }} as event_date
    from (
        {{ event_lines(untested_loads(of_model, test_name)) }}
    ) as mapped_lines
{% endmacro %}
