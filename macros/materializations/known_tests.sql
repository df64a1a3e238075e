{#-
    A test of data within dbt build: where the same query has passed over the very tables, which the lake tells by their versions, the
    answer is known (python/likely_buyers/dbt/known_tests.py). `dbt test` asks it in any case.
-#}
{% macro duckdb__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}
    {%- set query = dbt.default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {%- set answer = plugin_function('has_passed', {
        'test': model.unique_id, 'query': local_md5(query), 'reads': relations_read(model.depends_on.nodes)
    }) if flags.WHICH == 'build' and not should_full_refresh() else {} -%}
    {{ "select 0 as failures, false as should_warn, false as should_error" if answer.passed else query }}
{% endmacro %}

{#- Name in the lake of each node and of what its views read; of a seed, which dbt writes with each build, with a digest of its rows as SQL. -#}
{% macro relations_read(node_ids) %}
    {% set found = {} %}
    {% for node_id in node_ids %}
        {% set node = graph.nodes.get(node_id) or {'schema': '', 'alias': node_id, 'resource_type': 'source', 'config': {}} %}
        {% do found.update({node.schema ~ '.' ~ node.alias: rows_digest(relation_of(node.schema, node.alias)) if node.resource_type == 'seed' else none}) %}
        {% if node.config.materialized == 'view' %}{% do found.update(relations_read(node.depends_on.nodes)) %}{% endif %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}
