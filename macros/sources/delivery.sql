{#-
    Settles the load that is written next, before a line of it is read (python/likely_buyers/dbt/delivery.py), and says what
    there is to say of it. is_full: raw_events is made anew.
-#}
{% macro plan_load(is_full) %}
    {% set relation = events_relation_of_dbt() %}
    {% set plan = source_function('plan_load', {
        'is_full': is_full, 'events_path': events_path(), 'mapping_name': var('event_mapping'), 'mapping': event_mapping(),
        'events_relation': events_relation(), 'from_clause': relation | string if relation is not none else none,
        'started_at': run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f")
    }) %}
    {% for words in plan.told %}{% do log("likely_buyers: " ~ words, info=true) %}{% endfor %}
    {% for words in plan.warned %}{% do exceptions.warn("likely_buyers: " ~ words) %}{% endfor %}
{% endmacro %}

{#- A function of the plugin (python/likely_buyers/dbt/plugin.py) that takes and gives JSON. -#}
{% macro source_function(name, request) %}
    {% if not execute %}{% do return({}) %}{% endif %}
    {% set answer = fromjson(run_query(
        "select " ~ name ~ "(" ~ sql_text(tojson(request)) ~ ")").columns[0].values()[0]) %}
    {% if answer.problem %}
        {% do stop(answer.problem) %}
    {% endif %}
    {% do return(answer.result) %}
{% endmacro %}
