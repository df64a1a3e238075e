{#-
    Columns of the current row, whose names begin with prefix, as the text of a JSON object without it: values as text,
    nulls left out, so that a column that came later or changed its type does not change it.
-#}
{% macro columns_as_json(columns, prefix='') %}
    {{ return(adapter.dispatch('columns_as_json')(columns, prefix)) }}
{% endmacro %}

{#- On Spark the row has them no longer: the line itself has. -#}
{% macro spark__columns_as_json(columns, prefix) -%}
    (select to_json(struct(raw_lines.*)) from {{ ref('raw_events') }} as raw_lines where raw_lines._metadata.row_id = broken_lines.row_id)
{%- endmacro %}

{% macro duckdb__columns_as_json(columns, prefix) -%}
    cast(json_merge_patch('{}', json_object(
        {%- for column in columns %}{{ sql_text(column) }}, cast({{ sql_name(prefix ~ column) }} as varchar)
        {{- ', ' if not loop.last }}{% endfor -%}
    )) as varchar)
{%- endmacro %}
