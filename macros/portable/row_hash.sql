{#- A fast 64-bit hash of a whole row, by the alias of its table; as `fast_hash`, for telling rows apart only. -#}
{% macro row_hash(table_alias) %}
    {{ return(adapter.dispatch('row_hash')(table_alias)) }}
{% endmacro %}

{% macro default__row_hash(table_alias) %}
    {% do stop("row_hash is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__row_hash(table_alias) -%}
    hash({{ table_alias }})
{%- endmacro %}
