{#- A fast 64-bit hash of a whole row, by the alias of its table; as `fast_hash`, for telling rows apart only. -#}
{% macro row_hash(table_alias) %}
    {{ return(adapter.dispatch('row_hash')(table_alias)) }}
{% endmacro %}

{% macro duckdb__row_hash(table_alias) -%}
    hash({{ table_alias }})
{%- endmacro %}
