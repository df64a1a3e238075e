{#-
    At the end of a run: which of a relation's checks are broken, and what to do about a fault of the machine or of a
    delivery, which the engine reports in its own words. results: dbt's, one a node.
-#}
{% macro explain_faults(results) %}
    {% do return(adapter.dispatch('explain_faults')(results)) %}
{% endmacro %}

{#- Another engine's errors speak for themselves. -#}
{% macro default__explain_faults(results) %}{% endmacro %}

{% macro duckdb__explain_faults(results) %}
    {% for result in results if result.status == 'fail' and result.node.test_metadata.name == 'checks' %}
        {% for what, times in run_query(result.node.compiled_code).rows %}
            {% do log("likely_buyers: " ~ result.node.name ~ ": " ~ what ~ " (" ~ times ~ ")", info=true) %}
        {% endfor %}
    {% endfor %}
    {% set said = [] %}
    {% for result in results if result.status == 'error' and result.message %}
        {% set remedy = run_query("select fault_remedy(" ~ sql_text(result.message) ~ ")").columns[0].values()[0] %}
        {% if remedy and remedy not in said %}
            {% do said.append(remedy) %}
            {% do log("likely_buyers: " ~ result.node.name ~ " failed: " ~ remedy, info=true) %}
        {% endif %}
    {% endfor %}
{% endmacro %}
