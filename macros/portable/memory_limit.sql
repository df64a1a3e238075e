{#- Hook: what the engine may take until another hook says otherwise; who has set a limit keeps theirs. Spark's is the cluster's. -#}
{% macro memory_limit(size) %}
    {{- return(adapter.dispatch('memory_limit')(size)) -}}
{% endmacro %}

{% macro default__memory_limit(size) %}{% endmacro %}

{% macro duckdb__memory_limit(size) -%}
    set memory_limit = '{{ env_var('LIKELY_BUYERS_MEMORY_LIMIT', '') or size }}'
{%- endmacro %}
