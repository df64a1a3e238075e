{#-
    Select of event_lines with the row that each was made of, as the text of a JSON object (line): values as text, nulls left out, so
    that a column that came later or changed its type does not change it.
-#}
{% macro lines_as_json(only) %}
    {{- return(adapter.dispatch('lines_as_json')(only, compiled_mapping().columns or [])) -}}
{% endmacro %}

{% macro duckdb__lines_as_json(only, columns) %}
    select
        *,
        {{ line_as_json(columns) }} as line
    from ({{ event_lines(only=only) }}) as event_lines
{% endmacro %}

{#- Of a row of event_lines, in DuckDB's SQL. -#}
{% macro line_as_json(columns) -%}
    cast(json_merge_patch('{}', json_object(
        {%- for column in columns %}{{ duckdb__sql_text(column.name) }}, cast({{ duckdb__sql_name('source.' ~ column.name) }} as varchar)
        {{- ', ' if not loop.last }}{% endfor -%}
    )) as varchar)
{%- endmacro %}

{% macro spark__lines_as_json(only, columns) %}
    {#- rows that the mapping's `rows` make have their text beside them -#}
    {%- if event_mapping().get('rows') %}{% do return(event_lines(only=only)) %}{% endif %}
    select
        event_lines.*,
        raw_lines.line
    from ({{ event_lines(only=only) }}) as event_lines
    inner join (
        select
            _metadata.row_id as raw_row_id,
            to_json(struct(
                {%- for column in columns %}cast({{ sql_name(column.name) }} as string)
                {{- " || '+00'" if column.type == 'TIMESTAMP WITH TIME ZONE' }} as {{ sql_name(column.name) }}{{ ', ' if not loop.last }}{% endfor -%}
            )) as line
        from {{ ref('raw_events') }}
    ) as raw_lines
        on event_lines.row_id = raw_lines.raw_row_id
{% endmacro %}
