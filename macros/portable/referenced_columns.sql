{#-
    The names of the columns that a SQL expression reads, parsed by the engine itself.
    known: names of columns, in lower case; an expression that is one of them reads it, and need not be parsed.
-#}
{% macro referenced_columns(expression, known) %}
    {% do return([expression] if expression | lower in known else adapter.dispatch('parsed_columns')(expression)) %}
{% endmacro %}

{% macro default__parsed_columns(expression) %}
    {% do stop("parsed_columns is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__parsed_columns(expression) %}
    {% set parsed = fromjson(run_query(
        "select json_serialize_sql(" ~ sql_text("select " ~ expression) ~ ")").columns[0].values()[0]) %}
    {% if parsed.error %}
        {% do stop("the event mapping '" ~ var('event_mapping') ~ "' has an expression that is no SQL: "
            ~ expression ~ " (" ~ parsed.error_message ~ ").") %}
    {% endif %}
    {% set names = [] %}
    {% for name in modules.re.findall('"column_names": ?\\[(?:"[^"]*", ?)*"([^"]*)"\\]', tojson(parsed)) %}
        {% if name not in names %}{% do names.append(name) %}{% endif %}
    {% endfor %}
    {% do return(names) %}
{% endmacro %}
