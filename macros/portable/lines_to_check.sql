{#- Select of lines, as event_lines gives them with key_hash: row_id, key_hash, and whether each is_suspect. -#}
{% macro lines_to_check(lines) %}
    {{- return(adapter.dispatch('lines_to_check')(lines)) -}}
{% endmacro %}

{% macro duckdb__lines_to_check(lines) %}
    select
        row_id,
        key_hash,
        {{ is_suspect() }} as is_suspect
    from ({{ lines }}) as mapped_lines
    left join latest_files on mapped_lines.source_file = latest_files.source_file
{% endmacro %}

{#- Their table has it. -#}
{% macro spark__lines_to_check(lines) %}
    select row_id, key_hash, is_suspect from ({{ lines }}) as mapped_lines
{% endmacro %}
