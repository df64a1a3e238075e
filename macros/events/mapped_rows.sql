{#-
    The rows that the mapping's expressions see: the lines themselves, or what the mapping's `rows` makes of them. Beside
    their own columns they have source_file and load_id.

    lines: select of lines of bronze.raw_events. With `sources` each of them reads its own files' lines.
-#}
{% macro mapped_rows(lines) -%}
    {{ compiled_mapping().rows | join(lines) if event_mapping().get('rows') else '(' ~ lines ~ ')' }}
{%- endmacro %}

{#- Select of the lines of some loads; a key that no JSON so far had is null. -#}
{% macro raw_lines(pending) -%}
    select * {{- compiled_mapping().absent if event_mapping().get('rows') }}
    from {{ ref('raw_events') }}
    where load_id in ({{ pending }})
{%- endmacro %}

{#- The day of a moment, in the mapping's time zone. -#}
{% macro event_day(moment) -%}
    {%- if time_zone() == 'UTC' -%}
    cast({{ moment }} as date)
    {%- else -%}
    cast(timezone({{ sql_text(time_zone()) }}, timezone('UTC', {{ moment }})) as date)
    {%- endif -%}
{%- endmacro %}
