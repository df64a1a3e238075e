{#-
    In place of dbt's, which asks twice for the columns of each table of each build, and writes again what stands there:
    an eighth of a small build. What is described and not there is left out, as by dbt; a test compares the two.
    In a DuckLake each comment is a version of the lake, and a column of a view has none.
-#}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) %}
    {% set wanted, told, statements = {}, {}, [] %}
    {% set place = "database_name = " ~ sql_text(relation.database) ~ " and schema_name = " ~ sql_text(relation.schema) %}
    {% set table, lake = sql_text(relation.identifier), "__ducklake_metadata_" ~ relation.database ~ ".ducklake_" %}
    {#- duckdb_tables() asks for the size of each table, which takes ten times as long -#}
    {% set known = "select null as name, comment from duckdb_views() where " ~ place ~ " and view_name = " ~ table if relation.is_view
        else "select null as name, tag.value as comment from " ~ lake ~ "tag as tag inner join " ~ lake ~ "table as tables on object_id = table_id"
        ~ " inner join " ~ lake ~ "schema as schemas using (schema_id) where key = 'comment' and table_name = " ~ table
        ~ " and schema_name = " ~ sql_text(relation.schema)
        ~ " and coalesce(tag.end_snapshot, tables.end_snapshot, schemas.end_snapshot) is null union all"
        ~ " select column_name, comment from duckdb_columns() where " ~ place ~ " and table_name = " ~ table %}
    {% if for_columns and config.persist_column_docs() and not relation.is_view %}
        {% for name, column in model.columns.items() %}{% do wanted.update({name: column.description}) %}{% endfor %}
    {% endif %}
    {% for name, comment in run_query(known).rows %}{% do told.update({name: comment or ''}) %}{% endfor %}
    {% for name, meaning in wanted.items() if meaning != told.get(name, meaning) %}
        {% do statements.append("comment on column " ~ relation ~ "." ~ sql_name(name) ~ " is " ~ sql_text(meaning)) %}
    {% endfor %}
    {#- a table that this transaction makes anew has no column described, and the lake tells of the one before -#}
    {% if for_relation and config.persist_relation_docs() and model.description and (statements or told.get(none) != model.description) %}
        {% do statements.append("comment on " ~ relation.type ~ " " ~ relation ~ " is " ~ sql_text(model.description)) %}
    {% endif %}
    {% if statements %}{% do run_query(statements | join('; ')) %}{% endif %}
{% endmacro %}
