{#-
    raw_events: the lines of new files, or of a relation, are written by python/likely_buyers/sources, with the tables that
    loaded_files and rejected_lines show. In the transaction that is open here: a load is whole, or it is not there at all.
-#}
{% materialization load, adapter="duckdb" %}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- do plan_load(load_cached_relation(this) is none or should_full_refresh()) -%}
    {%- do check_files() -%}

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
