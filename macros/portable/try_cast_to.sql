{#- The expression as a type, null where it cannot be. dbt's own `safe_cast` is a plain cast on DuckDB: it fails. -#}
{% macro try_cast_to(expression, type) %}
    {{ return(adapter.dispatch('try_cast_to')(expression, type)) }}
{% endmacro %}

{% macro default__try_cast_to(expression, type) %}
    {% do stop("try_cast_to is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__try_cast_to(expression, type) -%}
    try_cast({{ expression }} as {{ type }})
{%- endmacro %}
