{#-
    Stops at a file that the mapping cannot be applied to, before a line of it is loaded (sources/mapping/file_check.py).
    files, raw: as plan_load gives its files and columns.
-#}
{% macro check_files(files, raw) %}
    {% set checked = source_function('check_files', {
        'mapping': event_mapping(), 'mapping_name': var('event_mapping'), 'relations': mapped_relations(),
        'files': files, 'columns': raw, 'register': log_table('file_register') | string,
    }) %}
    {% for words in checked.told %}{% do exceptions.warn("likely_buyers: " ~ words) %}{% endfor %}
    {% if checked.refusal %}{% do stop(checked.refusal) %}{% endif %}
{% endmacro %}
