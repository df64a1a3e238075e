{#-
    The source's columns that raw_events has once the files are in it: {name in lower case: {name, type, known_type}}.
    A name keeps the spelling it came with first. A type that differs between files becomes text, integers the wider
    integer: what a value is as text stays the same by this, and so do the ids made of it, whichever file came first.

    files: of a delivery.
    known: relation of raw_events with what was loaded before, or none. known_type is none for a column it lacks.
    warned: whether a column that becomes text is said to the user.
-#}
{% macro raw_columns(files, known, warned=false) %}
    {% set columns = {} %}
    {% if execute and known is not none %}
        {% for row in run_query("describe " ~ known).rows if row[0] not in load_columns() %}
            {% do columns.update({row[0] | lower: {'name': row[0], 'type': row[1], 'known_type': row[1]}}) %}
        {% endfor %}
    {% endif %}
    {% for file in files %}
        {% for name in file.columns %}
            {% set type = file.types[loop.index0] if file.types else 'VARCHAR' %}
            {% set column = columns.setdefault(name | lower, {'name': name, 'type': type, 'known_type': none}) %}
            {% set common = common_type(column.type, type) %}
            {% if warned and common == 'VARCHAR' and column.type != 'VARCHAR' %}
                {% do exceptions.warn("likely_buyers: the column '" ~ name ~ "' of the file '" ~ file.path ~ "' is "
                    ~ type ~ ", and was " ~ column.type ~ " in files before it. bronze.raw_events keeps it as text from"
                    ~ " now on, each value as it is written: 42 and 42.0 are two values. If that is not meant, deliver"
                    ~ " the file with the type of before.") %}
            {% endif %}
            {% do column.update({'type': common}) %}
        {% endfor %}
    {% endfor %}
    {% do return(columns) %}
{% endmacro %}

{% macro common_type(one, other) %}
    {% set narrow = ['TINYINT', 'UTINYINT', 'SMALLINT', 'USMALLINT', 'INTEGER', 'UINTEGER', 'BIGINT'] %}
    {% set wide = narrow + ['UBIGINT', 'HUGEINT'] %}
    {% if one == other %}
        {% do return(one) %}
    {% elif one in narrow and other in narrow %}
        {% do return('BIGINT') %}
    {% elif one in wide and other in wide %}
        {% do return('HUGEINT') %}
    {% endif %}
    {% do return('VARCHAR') %}
{% endmacro %}

{#- The columns that raw_events adds to the source's. -#}
{% macro load_columns() %}
    {% do return(['source_file', 'load_id', 'loaded_at']) %}
{% endmacro %}
