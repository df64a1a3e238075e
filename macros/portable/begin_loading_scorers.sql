{#- Pre-hook: the champions are read while the engine computes features. On Spark each Python worker reads them for itself. -#}
{% macro begin_loading_scorers() %}
    {{- return(adapter.dispatch('begin_loading_scorers')()) -}}
{% endmacro %}

{% macro default__begin_loading_scorers() %}{% endmacro %}

{% macro duckdb__begin_loading_scorers() -%}
    select load_scoring({{ sql_text(outcomes() | map(attribute='model_name') | join(',')) }})
{%- endmacro %}
