{#- Columns of the current row, whose names begin with prefix, as the text of a JSON object without it. -#}
{% macro columns_as_json(columns, prefix='') %}
    {{ return(adapter.dispatch('columns_as_json')(columns, prefix)) }}
{% endmacro %}

{% macro default__columns_as_json(columns, prefix='') %}
    {% do stop("columns_as_json is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__columns_as_json(columns, prefix) -%}
    cast(json_object({% for column in columns %}{{ sql_text(column) }}, {{ sql_name(prefix ~ column) }}
    {{- ', ' if not loop.last }}{% endfor %}) as varchar)
{%- endmacro %}
