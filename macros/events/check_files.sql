{#- Stops at a file of the planned load that the mapping cannot be applied to (sources/mapping/file_check.py). -#}
{% macro check_files() %}
    {% set checked = source_function('check_files', {'mapping': event_mapping(), 'relations': mapped_relations()}) %}
    {% for words in checked.told %}{% do exceptions.warn("likely_buyers: " ~ words) %}{% endfor %}
    {% if checked.refusal %}{% do stop(checked.refusal) %}{% endif %}
{% endmacro %}
