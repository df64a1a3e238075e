{#-
    Stops at a file that the mapping cannot be applied to, before a line of it is loaded. A column that a required contract
    column is made from, or by which events are told apart, must be in every file; others may be absent. A key of
    JSON may be absent from a file, as long as some file has it.

    files: of a delivery; raw: the columns of raw_events once they are in it, as raw_columns gives them.
-#}
{% macro check_files(files, raw) %}
    {% set everything = [] %}
    {% for column in raw.values() %}{% do everything.append({'name': column.name, 'type': column.type}) %}{% endfor %}
    {% set seen, lacking = [], [] %}
    {% set of_sources = {} %}
    {% if event_mapping().get('sources') %}
        {% for source, names in columns_of_sources(files).items() %}
            {% set columns = [] %}
            {% for name in names if name | lower in raw %}{% do columns.append({'name': name, 'type': raw[name | lower].type}) %}{% endfor %}
            {% do of_sources.update({source: columns}) %}
        {% endfor %}
    {% endif %}
    {% for file in files %}
        {% for name in file.columns if name | lower in load_columns() %}
            {% do stop(file_in_words(file) ~ " has a column '" ~ name ~ "', a name that bronze.raw_events keeps for"
                ~ " itself (" ~ load_columns() | join(', ') ~ "). Nothing was loaded. Deliver the file with another"
                ~ " name for it.") %}
        {% endfor %}
        {% set columns = [] %}
        {% for name in file.columns if file.format != 'json' %}
            {% do columns.append({'name': name, 'type': raw[name | lower].type}) %}
        {% endfor %}
        {% set columns = columns or everything %}
        {% set was_seen = [columns, file.source] in seen %}
        {#- thousands of files alike are checked once, unless each of them lacks something -#}
        {% if not was_seen or file.format != 'json' and [columns, file.source] in lacking %}
            {% if check_file(file, columns, of_sources, was_seen) %}{% do lacking.append([columns, file.source]) %}{% endif %}
            {% do seen.append([columns, file.source]) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{#- Whether the file lacks a column that the mapping can do without. -#}
{% macro check_file(file, columns, of_sources, was_evaluated) %}
    {% set mapping = event_mapping() %}
    {% set whose = "the event mapping '" ~ var('event_mapping') ~ "'" %}
    {% set lines = null_row(columns) %}
    {% set row_columns = columns %}
    {% if mapping.get('rows') %}
        {% set of_source = {} %}
        {% for name in mapping.get('sources') or {} %}
            {% do of_source.update({name: lines if name == file.source else null_row(of_sources.get(name, []))}) %}
        {% endfor %}
        {% set added = [] %}
        {% for name in (absent_keys(lines) if file.format == 'json' else []) %}{% do added.append({'name': name, 'type': 'VARCHAR'}) %}{% endfor %}
        {% set answer = source_function('query_columns', {
            'query': rows_over(null_row(columns + added), of_source)}) %}
        {% if answer.failure %}
            {% do stop(whose ~ " gives `rows` that cannot be evaluated over the columns of " ~ file_in_words(file) ~ ": "
                ~ answer.failure.split('\n')[0].rstrip('.') ~ ". Found: " ~ file.columns | join(', ')
                ~ ". Nothing was loaded. Mend the file, or the mapping in dbt_project.yml or --vars.") %}
        {% endif %}
        {% set row_columns = [] %}
        {% for name, type in zip(answer.columns, answer.types) if name | lower not in load_columns() %}
            {% do row_columns.append({'name': name, 'type': type}) %}
        {% endfor %}
    {% endif %}
    {% set names = row_columns | map(attribute='name') | map('lower') | list %}
    {% for name in names if names.count(name) > 1 %}
        {% do stop(whose ~ " gives `rows` with the column '" ~ name ~ "' twice, perhaps in other letters: SQL would take either."
            ~ " Give one of them another name. Nothing was loaded.") %}
    {% endfor %}
    {% set users = user_id_expressions() %}
    {% set lost_users = [] %}
    {% set state = namespace(lacks=false) %}
    {% for given in mapping_expressions() %}
        {% set absent = '' if given.expression | lower in names else absent_column(given.expression, row_columns) %}
        {% if absent %}
            {% set state.lacks = true %}
            {% set what = file_in_words(file) ~ " has no column '" ~ absent ~ "', which the event mapping '"
                ~ var('event_mapping') ~ "' needs for '" ~ given.column ~ "' (" ~ given.expression | trim ~ "). Found: "
                ~ file.columns | join(', ') ~ "." %}
            {% if given.column == 'user_id' %}{% do lost_users.append(given.expression) %}{% endif %}
            {% if given.column in ['event_time', 'event_type', 'event_id', 'dedupe_on'] or lost_users | length == users | length and given.column == 'user_id' %}
                {% do stop(what ~ " Nothing was loaded. Mend the file, or the mapping in dbt_project.yml.") %}
            {% elif file.format != 'json' or not was_evaluated %}
                {% do exceptions.warn("likely_buyers: " ~ what ~ " It is null for this file's events.") %}
            {% endif %}
        {% elif not was_evaluated %}
            {#- mapped_rows.* beside it: an expression over all rows together, as max() is, is refused -#}
            {% set answer = source_function('query_columns', {'query': "select " ~ given.typed
                ~ ", mapped_rows.* from (" ~ null_row(row_columns) ~ ") as mapped_rows"}) %}
            {% if answer.failure %}
                {% do stop(whose ~ " gives for '" ~ given.column ~ "' an expression that cannot be evaluated: "
                    ~ given.expression | string | trim ~ " (over the columns of " ~ file_in_words(file) ~ "). "
                    ~ answer.failure.split('\n')[0].rstrip('.') ~ ". Columns of CSV and JSON, and those whose type differs"
                    ~ " between files, are text: cast what is to be reckoned with, as in cast(price as double)."
                    ~ " Nothing was loaded. Mend the mapping in dbt_project.yml or --vars.") %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {% do return(state.lacks) %}
{% endmacro %}

{% macro file_in_words(file) %}
    {% do return("the relation '" ~ file.relation ~ "'" if file.format == 'relation' else "the file '" ~ file.path ~ "'") %}
{% endmacro %}

{#- What the chosen mapping gives: [{column, expression, typed: as the contract has it}]. -#}
{% macro mapping_expressions() %}
    {% set mapping = event_mapping() %}
    {% set types = {'price': 'decimal(18, 4)', 'quantity': 'decimal(18, 3)'} %}
    {% set expressions = [] %}
    {% for column in contract_columns() if mapping.get(column) %}
        {% for expression in (user_id_expressions() if column == 'user_id' else [mapping[column]]) %}
            {% do expressions.append({'column': column, 'expression': expression | string, 'type': types.get(column, dbt.type_string())}) %}
        {% endfor %}
    {% endfor %}
    {% for expression in (mapping.get('dedupe_on') or [] if not equal_lines_are_separate() else []) %}
        {% do expressions.append({'column': 'dedupe_on', 'expression': expression | string, 'type': dbt.type_string()}) %}
    {% endfor %}
    {% for name, condition in (mapping.get('leave_out') or {}).items() %}
        {% do expressions.append({'column': 'leave_out ' ~ name, 'expression': condition | string, 'type': 'boolean'}) %}
    {% endfor %}
    {% for given in expressions %}
        {% do given.update({'typed': try_cast_to(try_expression('(' ~ with_time_zone(given.expression) ~ ')') | trim, given.type) | trim}) %}
    {% endfor %}
    {% do return(expressions) %}
{% endmacro %}
