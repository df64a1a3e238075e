{#-
    In place of dbt's, which asks twice for the columns of each table of each build, and writes again what stands there:
    an eighth of a small build. What is described and not there is left out, as by dbt; a test compares the two.
    In a DuckLake each comment is a version of the lake, and a column of a view has none.
-#}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) %}
    {% set statements = [] %}
    {% set found = "where database_name = " ~ sql_text(relation.database) ~ " and schema_name = " ~ sql_text(relation.schema) %}
    {% if for_relation and config.persist_relation_docs() and model.description %}
        {% set kind = "view" if relation.is_view else "table" %}
        {% set known = run_query("select comment from duckdb_" ~ kind ~ "s() " ~ found ~ " and " ~ kind ~ "_name = "
            ~ sql_text(relation.identifier)).columns[0].values() %}
        {% if known[0] != model.description %}
            {% do statements.append("comment on " ~ relation.type ~ " " ~ relation ~ " is " ~ sql_text(model.description)) %}
        {% endif %}
    {% endif %}
    {% if for_columns and config.persist_column_docs() and model.columns and not relation.is_view %}
        {% set columns = run_query("select column_name, comment from duckdb_columns() " ~ found ~ " and table_name = "
            ~ sql_text(relation.identifier)).rows %}
        {% for name, comment in columns if name in model.columns and model.columns[name].description != comment %}
            {% do statements.append("comment on column " ~ relation ~ "." ~ sql_name(name) ~ " is "
                ~ sql_text(model.columns[name].description)) %}
        {% endfor %}
    {% endif %}
    {% if statements %}{% do run_query(statements | join('; ')) %}{% endif %}
{% endmacro %}
