{# The 64-bit floating-point type. dbt's own `type_float` is 32-bit on DuckDB, which would round features. #}
{% macro type_double() %}
    {{- return(adapter.dispatch('type_double')()) -}}
{% endmacro %}

{% macro duckdb__type_double() %}
    {{- return('double') -}}
{% endmacro %}
