"""What dbt's DuckDB connection needs around it: the state folder, and errors that say what to do."""
