{#-
    Stops at a file that the mapping cannot be applied to, before a line of it is loaded. A column that a required contract
    column is made from, or by which events are told apart, must be in every file; others may be absent. A key of
    JSON may be absent from a file, as long as some file has it.

    files: of a delivery; raw: the columns of raw_events once they are in it, as raw_columns gives them.
-#}
{% macro check_files(files, raw) %}
    {% set checked = source_function('check_files', {
        'mapping': event_mapping(), 'mapping_name': var('event_mapping'), 'relations': mapped_relations(),
        'files': files, 'columns': raw, 'register': log_table('file_register') | string,
    }) %}
    {% for words in checked.told %}{% do exceptions.warn("likely_buyers: " ~ words) %}{% endfor %}
    {% if checked.refusal %}{% do stop(checked.refusal) %}{% endif %}
{% endmacro %}
