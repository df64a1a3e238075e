{#-
    raw_events: the lines of new files, or of a relation, are written by python/likely_buyers/sources, with the tables that
    loaded_files and rejected_lines show. In the transaction that is open here: a load is whole, or it is not there at all.
-#}
{% materialization load, adapter="duckdb" %}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- do planned_load() -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks) }}
    {%- call statement("main") -%} select 'begun' as state {%- endcall -%}
    {% do adapter.store_relation("likely_buyers", target_relation, [], "", "", {}) %}
    {{ run_hooks(post_hooks) }}
    {% do persist_docs(target_relation, model) %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}

{% materialization load, adapter="spark" %}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- do planned_load() -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement("main") -%} select 'begun' as state {%- endcall -%}
    {% do plugin_function('write_load', {}) %}
    {{ run_hooks(post_hooks) }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}

{#- Settled, and looked at, before a line is read (python/likely_buyers/dbt/delivery.py). -#}
{% macro planned_load() %}
    {%- set relation = events_relation_of_dbt() -%}
    {%- do plugin_function('plan_load', {
        'is_full': load_cached_relation(this) is none or should_full_refresh(), 'events_path': events_path(),
        'mapping_name': var('event_mapping'), 'mapping': event_mapping(), 'events_relation': var('events_relation', none),
        'from_clause': relation | string if relation is not none else none,
        'started_at': run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f")
    }) -%}
    {%- do plugin_function('check_files', {'mapping': event_mapping(), 'relations': mapped_relations()}) -%}
{% endmacro %}
