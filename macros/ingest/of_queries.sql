{#- What query_problem or query_columns (python/likely_buyers/warehouse/dbt_plugin.py) says of each query. -#}
{% macro duckdb__of_queries(function, queries) %}
    {% if not queries %}{% do return([]) %}{% endif %}
    {% do return(run_query(
        "select " ~ function ~ "(query) from (select unnest(" ~ sql_list(queries) ~ ") as query, "
        ~ "generate_subscripts(" ~ sql_list(queries) ~ ", 1) as position) order by position"
    ).columns[0].values() | list) %}
{% endmacro %}
