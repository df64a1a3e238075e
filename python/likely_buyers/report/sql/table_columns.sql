-- One row per column of the tables of a schema, in their order, with the comment that dbt may have persisted.
select
    table_name,
    column_name,
    comment
from duckdb_columns()
where schema_name = $schema_name
order by table_name, column_index
