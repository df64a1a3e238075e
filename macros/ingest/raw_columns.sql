{#-
    The source's columns that raw_events has once the files are in it: {name in lower case: {name, type, known_type}}.
    A name keeps the spelling it came with first. A type that differs between files becomes text, integers the wider
    integer: what a value is as text stays the same by this, and so do the ids made of it, whichever file came first.

    files: as inspected, or pending; Parquet files that lack their types are looked into.
    known: relation of raw_events with what was loaded before, or none. known_type is none for a column it lacks.
    warned: whether a column that becomes text is said to the user.
-#}
{% macro raw_columns(files, known, warned=false) %}
    {% do return(adapter.dispatch('raw_columns')(files, known, warned)) %}
{% endmacro %}

{% macro default__raw_columns(files, known, warned) %}
    {% do stop("raw_columns is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__raw_columns(files, known, warned) %}
    {% set columns = {} %}
    {% if execute and known is not none %}
        {% for row in run_query("describe " ~ known).rows if row[0] not in load_columns() %}
            {% do columns.update({row[0] | lower: {'name': row[0], 'type': row[1], 'known_type': row[1]}}) %}
        {% endfor %}
    {% endif %}
    {% do duckdb__describe_parquet(
        files | selectattr('format', 'equalto', 'parquet') | selectattr('columns') | rejectattr('types') | list) %}
    {% for file in files if file.columns %}
        {% if file.problem %}
            {% do stop("the file '" ~ file.path ~ "' can no longer be read: " ~ file.problem) %}
        {% endif %}
        {% for name in file.columns %}
            {% set type = file.types[loop.index0] if file.types else 'VARCHAR' %}
            {% set column = columns.setdefault(name | lower, {'name': name, 'type': type, 'known_type': none}) %}
            {% set common = duckdb__common_type(column.type, type) %}
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

{% macro duckdb__common_type(one, other) %}
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

{#- Gives Parquet files their columns and types, or the problem for which they cannot be read; all in one query. -#}
{% macro duckdb__describe_parquet(files) %}
    {% set queries = [] %}
    {% for file in files %}
        {% do queries.append("select * from read_parquet(" ~ sql_text(file.path) ~ ")") %}
    {% endfor %}
    {% for description in duckdb__of_queries('query_columns', queries) %}
        {% do files[loop.index0].update(fromjson(description)) %}
    {% endfor %}
{% endmacro %}

{#- The columns that raw_events adds to the source's. -#}
{% macro load_columns() %}
    {% do return(['source_file', 'load_id', 'loaded_at']) %}
{% endmacro %}
