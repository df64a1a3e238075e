{# The 64-bit floating-point type. dbt's own `type_float` is 32-bit on DuckDB, which would round features. #}
{% macro type_double() %}
    {{- return(adapter.dispatch('type_double')()) -}}
{% endmacro %}

{% macro default__type_double() %}
    {%- do stop("type_double is not written for " ~ target.type ~ ".") -%}
{% endmacro %}

{% macro duckdb__type_double() %}
    {{- return('double') -}}
{% endmacro %}
