{#-
    At the start of a run that builds models of gold: which run that is. Only when the build that passed is the
    one named here may gold be published: a later build that was stopped left tables of two runs.
-#}
{% macro record_build_of_gold() %}
    {% set gold = [] %}
    {% for node in graph.get('nodes', {}).values() if node.resource_type == 'model' and node.unique_id in selected_resources %}
        {% if node.config.schema == 'gold' %}{% do gold.append(node.unique_id) %}{% endif %}
    {% endfor %}
    {% if gold %}
        create or replace table {{ log_table('latest_build_of_gold') }} as select '{{ invocation_id }}' as invocation_id;
    {% endif %}
{% endmacro %}
