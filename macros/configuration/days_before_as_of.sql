{#-
    The first and the last of so many days before the predictions' as_of, looked up while compiling, so that the planner sees
    literals and skips what is older; none where they cannot be looked up (unit tests, parsing).
-#}
{% macro days_before_as_of(predictions, days) %}
    {% if can_be_read(predictions) %}
        {% do return(run_query(
            "select cast(" ~ dbt.dateadd('day', -days, 'min(as_of_date)') ~ " as date), cast("
            ~ dbt.dateadd('day', -1, 'min(as_of_date)') ~ " as date) from " ~ predictions).rows[0]) %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}
