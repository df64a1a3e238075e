{#-
    The relation of which events are rows seen through the mapping: the lines themselves, or what the mapping's `rows` makes of
    them. Its row ids tell rows apart, and stay.
-#}
{% macro source_rows() %}
    {% set raw_events, mapped_rows, files = ref('raw_events'), ref('mapped_rows'), ref('loaded_files') %}
    {% do return(mapped_rows if event_mapping().get('rows') or target.type == 'spark' else raw_events) %}
{% endmacro %}
