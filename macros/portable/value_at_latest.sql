{# Aggregate: the value in the row with the greatest `moment`, which must not repeat within a group. #}
{% macro value_at_latest(value, moment) %}
    {{- return(adapter.dispatch('value_at_latest')(value, moment)) -}}
{% endmacro %}

{% macro duckdb__value_at_latest(value, moment) %}
    {{- return('arg_max(' ~ value ~ ', ' ~ moment ~ ')') -}}
{% endmacro %}
