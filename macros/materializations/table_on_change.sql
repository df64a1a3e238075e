{#-
    A table that is built anew only when something it is made of has changed, and else stays as it is: its code, the
    tables it reads, and for a Python model the package and the champion. Same input gives the same output here, so a
    build with nothing new need not prove it by writing a million rows again. --full-refresh builds it in any case.
    Post-hooks run either way.
-#}
{% materialization table_on_change, adapter="duckdb", supported_languages=["sql", "python"] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- set intermediate = make_intermediate_relation(target_relation) -%}
    {%- set inputs = table_inputs() -%}

    {%- if existing is not none and not should_full_refresh() and inputs == looked_up(state_of(this.identifier)) -%}
        {%- call statement("main") -%} select 'unchanged' as state {%- endcall -%}
        {{ run_hooks(post_hooks) }}
        {% do persist_docs(target_relation, model) %}
        {% do adapter.commit() %}
        {{ return({"relations": [target_relation]}) }}
    {%- endif -%}

    {{ drop_relation_if_exists(load_cached_relation(intermediate)) }}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks) }}
    {%- call statement("main", language=model.language) -%}
        {{- create_table_as(False, intermediate, compiled_code, model.language) -}}
    {%- endcall -%}
    {#- a Python model has begun no transaction, and who reads a catalog on a server would find no table for a moment -#}
    {%- call statement("swap") -%} select 'begun' as state {%- endcall -%}
    {{ drop_relation_if_exists(existing) }}
    {% do adapter.rename_relation(intermediate, target_relation) %}
    {% do note_inputs(inputs) %}
    {{ return(finished(target_relation, post_hooks)) }}
{% endmaterialization %}

{#- What ends either, once the relation is there. -#}
{% macro finished(relation, post_hooks) %}
    {{ run_hooks(post_hooks) }}
    {% do apply_grants(relation, config.get("grants"), should_revoke=false) %}
    {% do persist_docs(relation, model) %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {% do return({"relations": [relation]}) %}
{% endmacro %}

{#- In the transaction that makes the relation. -#}
{% macro note_inputs(inputs) %}
    {% do run_query("insert into " ~ log_table('table_states') ~ " values ('" ~ this.identifier ~ "', '" ~ inputs ~ "', null)") %}
{% endmacro %}

{#-
    A view likewise, if its SQL gives the columns that it gave: one that is made anew is a version of the lake's schema, which all that
    follows has to read again.
-#}
{% materialization view, adapter="duckdb" %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type="view") -%}
    {%- set inputs = local_md5(sql ~ adapter.get_column_schema_from_query(get_empty_subquery_sql(sql))) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks) }}
    {%- if existing is not none and existing.is_view and not should_full_refresh()
        and inputs == looked_up("select definition from (" ~ state_of(this.identifier) ~ ") as state") -%}
        {%- call statement("main") -%} select 'unchanged' as state {%- endcall -%}
    {%- else -%}
        {{ drop_relation_if_exists(existing) }}
        {%- call statement("main") -%} {{ get_create_view_as_sql(target_relation, sql) }} {%- endcall -%}
        {% do note_inputs(inputs) %}
    {%- endif -%}
    {{ return(finished(target_relation, post_hooks)) }}
{% endmaterialization %}

{#- On Spark a table is replaced in one step, and what notes its state follows. -#}
{% materialization table_on_change, adapter="spark", supported_languages=["sql", "python"] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- set inputs = table_inputs() -%}

    {%- if existing is not none and not should_full_refresh() and inputs == looked_up(state_of(this.identifier)) -%}
        {%- call statement("main") -%} select 'unchanged' as state {%- endcall -%}
        {{ run_hooks(post_hooks) }}
        {{ return({"relations": [target_relation]}) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks) }}
    {%- call statement("main", language=model.language) -%}
        {{- create_table_as(False, target_relation, compiled_code, model.language) -}}
    {%- endcall -%}
    {% do note_inputs(inputs) %}
    {{ run_hooks(post_hooks) }}
    {% do apply_grants(target_relation, config.get("grants"), should_revoke=false) %}
    {% do persist_docs(target_relation, model) %}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}
