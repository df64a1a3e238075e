{#- What each table_on_change was made of when it was last built: one row per table. -#}
{% macro table_inputs_log() %}
    {% do return(log_table('table_inputs')) %}
{% endmacro %}

{% macro create_table_inputs() %}
    create table if not exists {{ table_inputs_log() }} (
        table_name {{ dbt.type_string() }} not null,
        inputs {{ dbt.type_string() }} not null
    );
{% endmacro %}

{% macro remembered_inputs() %}
    {% set found = run_query("select inputs from " ~ table_inputs_log() ~ " where table_name = '"
        ~ this.identifier ~ "'").columns[0].values() %}
    {% do return(found[0] if found | length == 1 else none) %}
{% endmacro %}

{#- Part of the transaction that replaces the table: a killed build leaves it with the inputs that it was made of. -#}
{% macro remember_inputs(inputs) %}
    {% call statement('remember_inputs') %}
        delete from {{ table_inputs_log() }} where table_name = '{{ this.identifier }}';
        insert into {{ table_inputs_log() }} values ('{{ this.identifier }}', '{{ inputs }}');
    {% endcall %}
{% endmacro %}

{#- Digest of all that the rows of the model being built follow from. -#}
{% macro table_inputs() %}
    {% set states = ["'" ~ local_md5(model.compiled_code) ~ "'"] %}
    {% for node_id in model.depends_on.nodes | sort %}
        {% do states.append("coalesce((" ~ table_state(graph.nodes[node_id]) ~ "), '" ~ invocation_id ~ "')") %}
    {% endfor %}
    {% if model.language == 'python' %}
        {% do states.append("package_digest()") %}
        {% if model.config.meta.model_name is defined %}
            {% do states.append("champion_digest('" ~ model.config.meta.model_name | replace("'", "''") ~ "')") %}
        {% endif %}
    {% endif %}
    {% do return(run_query("select md5(concat_ws(',', " ~ states | join(', ') ~ "))").columns[0].values()[0]) %}
{% endmacro %}

{#- Select of a text that changes with the rows of a seed or model; of null where that cannot be told: then they may. -#}
{% macro table_state(node) %}
    {% if node.resource_type == 'seed' %}
        {% do return(content_digest(api.Relation.create(
            database=node.database, schema=node.schema, identifier=node.alias))) %}
    {% elif node.config.materialized == 'table_on_change' %}
        {% do return("select inputs from " ~ table_inputs_log() ~ " where table_name = '" ~ node.alias ~ "'") %}
    {% else %}
        {% do return(loads_digest(node.alias)) %}
    {% endif %}
{% endmacro %}

{#- Select of a digest of the rows of a small relation, whatever their order. -#}
{% macro content_digest(relation) %}
    {% do return("select cast(sum(cast(" ~ row_hash('seed_rows') ~ " as decimal(38, 0))) as " ~ dbt.type_string()
        ~ ") from " ~ relation ~ " as seed_rows") %}
{% endmacro %}
