{#- Marks a CTE that is cheaper to compute where it is used than to keep. DuckDB keeps CTEs by default since 1.4. -#}
{% macro inlined() %}
    {{ return(adapter.dispatch('inlined')()) }}
{% endmacro %}

{% macro default__inlined() %}
    {% do stop("inlined is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__inlined() -%}
    not materialized
{%- endmacro %}
