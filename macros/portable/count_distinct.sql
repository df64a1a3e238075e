{#- Aggregate: how many values there are among the rows that meet a condition, exactly; for groups of few rows. -#}
{% macro count_distinct(value, condition) %}
    {{- return(adapter.dispatch('count_distinct')(value, condition)) -}}
{% endmacro %}

{#- A list a group, whose values are told apart at the end, takes half the time of a hash table a group. -#}
{% macro duckdb__count_distinct(value, condition) -%}
    cast(coalesce(list_unique(list({{ value }}) filter (where {{ condition }})), 0) as bigint)
{%- endmacro %}
