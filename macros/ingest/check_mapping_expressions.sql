{#-
    Stops at an expression of the event mapping that cannot be evaluated over a file's columns, before a line of it
    is loaded. files: as inspected; raw: the columns of raw_events once they are in it, as raw_columns gives them.
-#}
{% macro check_mapping_expressions(files, raw) %}
    {% do return(adapter.dispatch('check_mapping_expressions')(files, raw)) %}
{% endmacro %}

{% macro default__check_mapping_expressions(files, raw) %}
    {% do stop("check_mapping_expressions is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__check_mapping_expressions(files, raw) %}
    {% set expressions = mapping_expressions(raw.keys()) %}
    {% set seen = [] %}
    {% set checks = [] %}
    {% for file in files if file.columns %}
        {% set columns = [] %}
        {% for name in file.columns %}
            {% do columns.append('cast(null as ' ~ raw[name | lower].type ~ ') as ' ~ sql_name(name)) %}
        {% endfor %}
        {% if columns not in seen %}
            {% do seen.append(columns) %}
            {% set known = file.columns | map('lower') | list %}
            {% for given in expressions if not given.reads | map('lower') | reject('in', known) | list %}
                {#- columns.* beside it: an expression over all lines together, as max() is, is refused -#}
                {% do checks.append({'file': file.path, 'given': given, 'query': "select " ~ given.typed
                    ~ ", columns.* from (select " ~ columns | join(', ') ~ ") as columns where false"}) %}
            {% endfor %}
        {% endif %}
    {% endfor %}
    {% for problem in duckdb__of_queries('query_problem', checks | map(attribute='query') | list) %}
        {% set check = checks[loop.index0] %}
        {% if problem %}
            {% do stop("the event mapping '" ~ var('event_mapping') ~ "' gives for '" ~ check.given.column
                ~ "' an expression that cannot be evaluated: " ~ check.given.expression | string | trim
                ~ " (over the columns of '" ~ check.file ~ "'). " ~ problem.split('\n')[0].rstrip('.')
                ~ ". Columns of CSV and JSON, and those whose type differs between files, are text: cast what is to be reckoned with, as in"
                ~ " cast(price as double). Nothing was loaded. Mend the mapping in dbt_project.yml or --vars.") %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{#-
    What the chosen mapping gives: [{column, expression, typed: as the contract has it, reads: [source column]}].
    known: names of columns that some file has, in lower case.
-#}
{% macro mapping_expressions(known) %}
    {% set mapping = event_mapping() %}
    {% set types = {'event_time': dbt.type_timestamp(), 'price': 'decimal(18, 4)', 'quantity': 'decimal(18, 3)'} %}
    {% set expressions = [] %}
    {% for column in contract_columns() if mapping.get(column) %}
        {% do expressions.append({'column': column, 'expression': mapping[column],
            'type': types.get(column, dbt.type_string())}) %}
    {% endfor %}
    {% for expression in (mapping.get('dedupe_on') or [] if not equal_lines_are_separate() else []) %}
        {% do expressions.append({'column': 'dedupe_on', 'expression': expression, 'type': dbt.type_string()}) %}
    {% endfor %}
    {% for given in expressions %}
        {% do given.update({'reads': referenced_columns(given.expression, known),
            'typed': try_cast_to(try_expression(given.expression) | trim, given.type) | trim}) %}
    {% endfor %}
    {% do return(expressions) %}
{% endmacro %}
