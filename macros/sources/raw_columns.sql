{#-
    The source's columns that raw_events has once the files are in it, as `raw_columns` in sources/columns.py says.
    known: relation of raw_events with what was loaded before, or none. warned: whether what becomes text is said.
-#}
{% macro raw_columns(files, known, warned=false) %}
    {% set columns = [] %}
    {% for row in (run_query("describe " ~ known).rows if execute and known is not none else []) if row[0] not in load_columns() %}
        {% do columns.append([row[0], row[1]]) %}
    {% endfor %}
    {% set answer = source_function('raw_columns', {'files': files, 'known': columns}) %}
    {% for words in answer.told if warned %}{% do exceptions.warn("likely_buyers: " ~ words) %}{% endfor %}
    {% do return(answer.columns) %}
{% endmacro %}

{#- The columns that raw_events adds to the source's. -#}
{% macro load_columns() %}
    {% do return(['source_file', 'load_id', 'loaded_at']) %}
{% endmacro %}
