{#-
    Aggregate: how many values there are among the rows that meet a condition, exactly; for groups of few rows.
    of_many: the rows may not fit into memory.
-#}
{% macro count_distinct(value, condition, of_many=false) %}
    {{- return(adapter.dispatch('count_distinct')(value, condition, of_many)) -}}
{% endmacro %}

{#- A list a group, whose values are told apart at the end, takes half the time of a hash table a group, and cannot spill. -#}
{% macro duckdb__count_distinct(value, condition, of_many) -%}
    {%- if of_many -%}
    count(distinct case when {{ condition }} then {{ value }} end)
    {%- else -%}
    cast(coalesce(list_unique(list(case when {{ condition }} then {{ value }} end)), 0) as bigint)
    {%- endif -%}
{%- endmacro %}

{#- A set a group takes three quarters of the time of `distinct`, of which several in one aggregate copy every row. -#}
{% macro spark__count_distinct(value, condition, of_many) -%}
    cast(size(collect_set(case when {{ condition }} then {{ value }} end)) as bigint)
{%- endmacro %}
