{#-
    The relation of which events are rows seen through the mapping: the lines themselves, or what the mapping's `rows` makes of
    them. Its row ids tell rows apart, and stay.
-#}
{% macro source_rows() %}
    {% set raw_events, mapped_rows, files = ref('raw_events'), ref('mapped_rows'), ref('loaded_files') %}
    {% do return(mapped_rows if event_mapping().get('rows') else raw_events) %}
{% endmacro %}

{#- Select of the lines of loads after one; a key that no JSON so far had is null. -#}
{% macro raw_lines(seen=0) -%}
    select * {{- compiled_mapping().absent if event_mapping().get('rows') }}
    from {{ ref('raw_events') }}
    {{ 'where load_id > ' ~ seen if seen }}
{%- endmacro %}

{#- The day of a moment, in the mapping's time zone. -#}
{% macro event_day(moment) -%}
    {%- if time_zone() == 'UTC' -%}
    cast({{ moment }} as date)
    {%- else -%}
    cast(timezone({{ sql_text(time_zone()) }}, timezone('UTC', {{ moment }})) as date)
    {%- endif -%}
{%- endmacro %}
