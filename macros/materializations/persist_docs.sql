{#-
    In place of dbt's, which asks twice for the columns of each table of each build, and writes again what stands there:
    an eighth of a small build. What is described and not there is left out, as by dbt; a test compares the two.
    In a DuckLake each comment is a version of the lake, and a column of a view has none.
-#}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) %}
    {% set kind, wanted, statements = "view" if relation.is_view else "table", {}, [] %}
    {% set place = "database_name = " ~ sql_text(relation.database) ~ " and schema_name = " ~ sql_text(relation.schema) %}
    {% set table = sql_text(relation.identifier) %}
    {% set known = "select null as name, comment from duckdb_" ~ kind ~ "s() where " ~ place ~ " and " ~ kind ~ "_name = " ~ table %}
    {% if for_relation and config.persist_relation_docs() and model.description %}
        {% do wanted.update({none: model.description}) %}
    {% endif %}
    {% if for_columns and config.persist_column_docs() and not relation.is_view %}
        {% for name, column in model.columns.items() %}{% do wanted.update({name: column.description}) %}{% endfor %}
        {% set known = known ~ " union all select column_name, comment from duckdb_columns() where " ~ place ~ " and table_name = " ~ table %}
    {% endif %}
    {% for name, comment in (run_query(known).rows if wanted else []) if name in wanted and wanted[name] != (comment or '') %}
        {% set what = relation.type ~ " " ~ relation if name is none else "column " ~ relation ~ "." ~ sql_name(name) %}
        {% do statements.append("comment on " ~ what ~ " is " ~ sql_text(wanted[name])) %}
    {% endfor %}
    {% if statements %}{% do run_query(statements | join('; ')) %}{% endif %}
{% endmacro %}
