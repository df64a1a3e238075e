{#-
    The day so many days before the predictions' as_of, looked up while compiling, so that the planner sees a literal and
    skips what is older; none where it cannot be looked up (unit tests, parsing).
-#}
{% macro days_before_as_of(predictions, days) %}
    {% if can_be_read(predictions) %}
        {% do return(run_query(
            "select cast(" ~ dbt.dateadd('day', -days, 'min(as_of_date)') ~ " as date) from " ~ predictions
        ).columns[0].values()[0]) %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}
