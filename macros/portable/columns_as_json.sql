{#- Columns of the current row as the text of a JSON object. -#}
{% macro columns_as_json(columns) %}
    {{ return(adapter.dispatch('columns_as_json')(columns)) }}
{% endmacro %}

{% macro default__columns_as_json(columns) %}
    {% do stop("columns_as_json is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__columns_as_json(columns) -%}
    cast(json_object({% for column in columns %}{{ sql_text(column) }}, {{ sql_name(column) }}
    {{- ', ' if not loop.last }}{% endfor %}) as varchar)
{%- endmacro %}
