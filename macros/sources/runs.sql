{#- At the start of a run that makes tables of gold: that it has begun. -#}
{% macro begin_run() %}
    {% if public_gold() | select('in', selected_resources) | list %}
        insert into {{ log_table('builds') }} (invocation_id) values ('{{ invocation_id }}')
    {% endif %}
{% endmacro %}

{#- At the end of a run, with the results of its nodes. Spark keeps its tables up, and explains its errors, by itself. -#}
{% macro end_run(results) %}
    {% do return(adapter.dispatch('end_run')(results)) %}
{% endmacro %}

{% macro spark__end_run(results) %}{% do plugin_function('end_run', {}) %}{% endmacro %}

{#-
    Says which of a table's checks are broken, and what to do about a fault of the machine or of a delivery, which the engine
    reports in its own words; then snapshots older than vars.keep_days are forgotten, and what became of a build of gold is noted.
-#}
{% macro duckdb__end_run(results) %}
    {% set told, faults, gold, tests = [], [], public_gold(), [] %}
    {% for result in results %}
        {% do told.append([result.node.unique_id, result.status, result.message, result.execution_time, result.node.schema or '']) %}
        {% set name = sql_text(result.node.name) %}
        {% if result.status == 'error' %}
            {% do faults.append("(" ~ loop.index ~ ", " ~ name ~ ", fault_remedy(" ~ sql_text(result.message) ~ "))") %}
        {% elif result.status == 'fail' and (result.node.test_metadata or {}).name == 'checks' %}
            {% call tell() %}
                select 'broken_check' as what, {{ name }} as name, * from ({{ result.node.compiled_code }}) as checks
            {% endcall %}
        {% endif %}
    {% endfor %}
    {% if faults %}
        {% call tell() %}
            select case when remedy <> '' then 'fault' end as what, min_by(name, number) as name, remedy
            from (values {{ faults | join(', ') }}) as faults (number, name, remedy)
            group by remedy
        {% endcall %}
    {% endif %}
    {% for node in graph.get('nodes', {}).values() if node.resource_type == 'test' and node.depends_on.nodes | select('in', gold) | list %}
        {% do tests.append(node.unique_id) %}
    {% endfor %}
    {#- docs and compile render hooks, too, and have built nothing -#}
    {% if flags.WHICH not in ['generate', 'compile', 'show'] %}
        {% do plugin_function('end_run', {'invocation_id': invocation_id, 'results': told, 'gold': gold, 'tests': tests, 'command': flags.WHICH,
            'selected': selected_resources, 'started_at': run_started_at.isoformat(), 'oldest': (run_started_at - modules.datetime.timedelta(days=var('keep_days'))).isoformat()}) %}
    {% endif %}
{% endmacro %}

{#- Models that are published, with name and materialization. Of what dbt has in gold only models are public. -#}
{% macro public_gold() %}
    {% set found = {} %}
    {% for node in graph.get('nodes', {}).values() if node.config.schema == 'gold' and node.access == 'public' %}
        {% do found.update({node.unique_id: [node.alias, node.config.materialized]}) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}
