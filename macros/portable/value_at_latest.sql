{# Aggregate: the value in the row with the greatest `moment`, which must not repeat within a group. #}
{% macro value_at_latest(value, moment) %}
    {{- return(adapter.dispatch('value_at_latest')(value, moment)) -}}
{% endmacro %}

{% macro default__value_at_latest(value, moment) %}
    {%- do stop("value_at_latest is not written for " ~ target.type ~ ".") -%}
{% endmacro %}

{% macro duckdb__value_at_latest(value, moment) %}
    {{- return('arg_max(' ~ value ~ ', ' ~ moment ~ ')') -}}
{% endmacro %}
