{#- A row, by the name of its relation, as the text of a JSON object. -#}
{% macro row_as_json(relation) %}
    {{ return(adapter.dispatch('row_as_json')(relation)) }}
{% endmacro %}

{% macro duckdb__row_as_json(relation) -%}
    cast(to_json({{ relation }}) as varchar)
{%- endmacro %}

{% macro spark__row_as_json(relation) -%}
    to_json(struct({{ relation }}.*), map('timestampFormat', 'yyyy-MM-dd HH:mm:ss', 'ignoreNullFields', 'false'))
{%- endmacro %}
