{#- In place of dbt-spark's, which goes by way of whole seconds and of a function that raises for each null. -#}
{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) -%}
    {%- if datepart != 'day' %}{% do stop('a step of ' ~ datepart ~ ' has no SQL here') %}{% endif -%}
    (cast({{ from_date_or_timestamp }} as timestamp) + make_dt_interval(cast({{ interval }} as int)))
{%- endmacro %}

{% macro spark__datediff(first_date, second_date, datepart) -%}
    {%- if datepart != 'day' %}{% do stop('a difference in ' ~ datepart ~ ' has no SQL here') %}{% endif -%}
    cast(datediff(cast({{ second_date }} as date), cast({{ first_date }} as date)) as bigint)
{%- endmacro %}

{#- In place of dbt-spark's, which knows no order. -#}
{% macro spark__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    listagg({{ measure }}, {{ delimiter_text }}) {{ "within group (" ~ order_by_clause ~ ")" if order_by_clause }}
{%- endmacro %}
