{#- Digest of all that the rows of the model being built follow from. -#}
{% macro table_inputs() %}
    {% set states = ["'" ~ local_md5(model.compiled_code) ~ "'"] + states_of(model.depends_on.nodes) %}
    {% if model.language == 'python' %}
        {% do states.append(plugin_text('package_digest')) %}
        {% if model.config.meta.predicted is defined %}
            {% do states.append(plugin_text('champions_digest', model.config.meta.predicted)) %}
        {% endif %}
    {% endif %}
    {% do return(looked_up("select md5(concat_ws(',', " ~ states | join(', ') ~ "))")) %}
{% endmacro %}

{#- A text, as SQL, that changes with the rows of each seed or model; another at each run where that cannot be told. -#}
{% macro states_of(node_ids) %}
    {% set states = [] %}
    {% for node_id in node_ids | sort %}
        {% set node = graph.nodes[node_id] %}
        {% set relation = relation_of(node.schema, node.alias) %}
        {% if node.resource_type == 'seed' %}
            {% do states.append(rows_digest(relation)) %}
        {% elif node.config.materialized == 'load' %}
            {% do states.append("(select max(load_id) from " ~ log_table('file_register') ~ ")") %}
        {% elif node.config.materialized == 'view' %}
            {% do states.extend(["'" ~ local_md5(node.raw_code) ~ "'"] + states_of(node.depends_on.nodes)) %}
        {% else %}
            {% do states.append("(select coalesce(definition || coalesce(cast(load_id as " ~ dbt.type_string() ~ "), ''), '" ~ invocation_id ~ "') from ("
                ~ state_of(node.alias) ~ ") as state)") %}
        {% endif %}
    {% endfor %}
    {#- several views may read one table -#}
    {% do return(states | unique | list) %}
{% endmacro %}
