{#-
    New and changed event files, looked into before a single line is loaded, so that a file that cannot be
    read stops the build with nothing written: [{path, format, delimiter, columns, size, modified_at,
    replaces_earlier}].
    registered: relation of bronze.loaded_files, or none at first.
-#}
{% macro inspect_event_files(registered) %}
    {% do return(adapter.dispatch('inspect_event_files')(registered)) %}
{% endmacro %}

{% macro default__inspect_event_files(registered) %}
    {% do stop("inspect_event_files is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__inspect_event_files(registered) %}
    {% set known = {} %}
    {% if registered is not none %}
        {% set rows = run_query(
            "select source_file, size_bytes, cast(modified_at as varchar), event_mapping from " ~ registered
            ~ " where load_id in (select load_id from " ~ load_progress() ~ " where model_name = 'raw_events')"
            ~ " order by load_id").rows %}
        {% for row in rows %}
            {% if row[3] != var('event_mapping') %}
                {% do stop("this warehouse holds events read with the event mapping '" ~ row[3]
                    ~ "', and vars.event_mapping is '" ~ var('event_mapping')
                    ~ "' now. Give each source a state folder of its own (LIKELY_BUYERS_STATE=...),"
                    ~ " or start over from vars.events_path: dbt build --full-refresh.") %}
            {% endif %}
            {% do known.update({row[0]: [row[1] | int, row[2] | string]}) %}
        {% endfor %}
    {% endif %}

    {% set fresh = [] %}
    {% for file in find_event_files() if known.get(file.path) != [file.size, file.modified_at] %}
        {% do file.update({'replaces_earlier': file.path in known, 'delimiter': ''}) %}
        {% do fresh.append(file) %}
    {% endfor %}

    {% set gzipped = fresh | selectattr('is_gzip') | map(attribute='path') | list %}
    {% if gzipped %}
        {#- DuckDB reads a truncated .gz as far as it goes and says nothing -#}
        {% set broken = run_query(
            "select filename, problem from (select filename, gzip_problem(content) as problem from read_blob("
            ~ sql_list(gzipped) ~ ")) where problem <> '' order by filename").rows %}
        {% for row in broken %}
            {% do stop("the file '" ~ row[0] ~ "' is no whole gzip file: " ~ row[1]
                ~ ". Nothing was loaded. Deliver it again (or move it out of '" ~ events_path()
                ~ "'), then run dbt build.") %}
        {% endfor %}
    {% endif %}

    {% do duckdb__describe_parquet(fresh | selectattr('format', 'equalto', 'parquet') | selectattr('size') | list) %}
    {% for file in fresh %}
        {% if file.size == 0 %}
            {% do file.update({'columns': []}) %}
        {% elif file.problem %}
            {% do stop("the file '" ~ file.path ~ "' is no whole Parquet file: " ~ file.problem
                ~ ". Nothing was loaded. Deliver it again (or move it out of '" ~ events_path()
                ~ "'), then run dbt build.") %}
        {% elif file.format == 'csv' %}
            {% do duckdb__inspect_csv(file) %}
        {% elif file.format != 'parquet' %}
            {% set keys = run_query(
                "select distinct unnest(json_keys(line)) as key from " ~ duckdb__text_lines([file.path])
                ~ " where json_valid(line) and json_type(line) = 'OBJECT' order by key") %}
            {% do file.update({'columns': keys.columns[0].values() | list}) %}
        {% endif %}
    {% endfor %}
    {% if fresh %}
        {% set raw_events = none if registered is none
            else adapter.get_relation(registered.database, registered.schema, 'raw_events') %}
        {% set needs = needed_source_columns(fresh | sum(attribute='columns', start=[]) | map('lower') | unique | list) %}
        {% for file in fresh %}
            {% do check_source_columns(file, needs) %}
        {% endfor %}
        {% do check_mapping_expressions(fresh, raw_columns(fresh, raw_events, warned=true)) %}
    {% endif %}
    {% if fresh and not known and not fresh | selectattr('columns') | list %}
        {% do stop("events_path '" ~ events_path() ~ "' holds no line: every file there is empty ("
            ~ fresh | map(attribute='path') | join(', ') ~ "). Deliver the events, then run dbt build.") %}
    {% endif %}
    {% do return(fresh) %}
{% endmacro %}

{#- Delimiter and header of a CSV file, from its first line. -#}
{% macro duckdb__inspect_csv(file) %}
    {% set first = run_query(
        "select line from " ~ duckdb__text_lines([file.path], parallel=false) ~ " limit 1").columns[0].values() %}
    {% set header = (first[0] | string).lstrip('\ufeff').rstrip('\r') if first | length else '' %}
    {% set best = namespace(delimiter=',', count=header.count(',')) %}
    {% for delimiter in [';', '\t', '|'] if header.count(delimiter) > best.count %}
        {% set best.delimiter = delimiter %}
        {% set best.count = header.count(delimiter) %}
    {% endfor %}
    {% set columns = [] %}
    {% for name in header.split(best.delimiter) %}
        {% set name = name.strip().strip('"') %}
        {% if name == '' or name | lower in columns | map('lower') | list %}
            {% do stop("the header of '" ~ file.path ~ "' has " ~ ("an empty name" if name == '' else
                "the column '" ~ name ~ "' twice") ~ ": " ~ header
                ~ ". The first line of a CSV file must name each column once.") %}
        {% endif %}
        {% do columns.append(name) %}
    {% endfor %}
    {% do file.update({'delimiter': best.delimiter, 'columns': columns}) %}
{% endmacro %}

{#-
    A source column that a required contract column is made from, or by which events are told apart, must be in every
    file; others may be absent.
-#}
{% macro check_source_columns(file, needs) %}
    {% set names = file.columns | map('lower') | list %}
    {% if not names %}
        {% do exceptions.warn("likely_buyers: the file '" ~ file.path ~ "' is empty: no line in it.") %}
    {% else %}
        {% for name in file.columns if name | lower in load_columns() %}
            {% do stop("the file '" ~ file.path ~ "' has a column '" ~ name ~ "', a name that bronze.raw_events keeps for"
                ~ " itself (" ~ load_columns() | join(', ') ~ "). Nothing was loaded. Deliver the file with another"
                ~ " name for it.") %}
        {% endfor %}
        {% for need in needs if need.source_column | lower not in names %}
            {% set what = "the file '" ~ file.path ~ "' has no column '" ~ need.source_column
                ~ "', which the event mapping '" ~ var('event_mapping') ~ "' needs for '" ~ need.column
                ~ "' (" ~ need.expression | trim ~ "). Found: " ~ file.columns | join(', ') ~ "." %}
            {% if need.column in required_contract_columns() + ['event_id', 'dedupe_on'] %}
                {% do stop(what ~ " Nothing was loaded. Mend the file, or the mapping in dbt_project.yml.") %}
            {% else %}
                {% do exceptions.warn("likely_buyers: " ~ what ~ " It is null for this file's events.") %}
            {% endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{#-
    The source columns that the mapping reads: [{column, expression, source_column}].
    known: names of columns that some file has, in lower case.
-#}
{% macro needed_source_columns(known) %}
    {% set mapping = event_mapping() %}
    {% set needs = [] %}
    {% for column in contract_columns() if mapping.get(column) %}
        {% for source_column in referenced_columns(mapping[column], known) %}
            {% do needs.append({'column': column, 'expression': mapping[column], 'source_column': source_column}) %}
        {% endfor %}
    {% endfor %}
    {% for expression in (mapping.get('dedupe_on') or [] if not event_key_is_whole_line() else []) %}
        {% for source_column in referenced_columns(expression, known) %}
            {% do needs.append({'column': 'dedupe_on', 'expression': expression, 'source_column': source_column}) %}
        {% endfor %}
    {% endfor %}
    {% do return(needs) %}
{% endmacro %}
