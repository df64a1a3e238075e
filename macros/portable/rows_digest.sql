{#- A number that changes with the rows of a relation, whatever their order, as SQL. -#}
{% macro rows_digest(relation) %}
    {{ return(adapter.dispatch('rows_digest')(relation)) }}
{% endmacro %}

{% macro duckdb__rows_digest(relation) -%}
    (select sum(cast(hash(all_rows) as decimal(38, 0))) from {{ relation }} as all_rows)
{%- endmacro %}

{% macro spark__rows_digest(relation) -%}
    (select sum(cast(xxhash64({{ row_as_json('all_rows') }}) as decimal(38, 0))) from {{ relation }} as all_rows)
{%- endmacro %}
