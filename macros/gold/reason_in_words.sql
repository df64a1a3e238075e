{#-
    A sentence from the label of a feature and its value.

    label     expression: text with {value} and {s}, as in seeds/feature_labels.csv
    value     expression: the number
    decimals  expression: 0, 1 or 2
-#}
{% macro reason_in_words(label, value, decimals) -%}
    {%- set shown -%}
    case
        {%- for places in [2, 1] %}
        when {{ decimals }} = {{ places }} then cast(cast({{ value }} as decimal(38, {{ places }})) as {{ dbt.type_string() }})
        {%- endfor %}
        else cast(cast({{ value }} as decimal(38, 0)) as {{ dbt.type_string() }})
    end
    {%- endset -%}
    {%- set plural -%}
    case when {{ shown }} = '1' then '' else 's' end
    {%- endset -%}
    {{ dbt.replace(dbt.replace(label, "'{value}'", "coalesce(" ~ shown ~ ", '')"), "'{s}'", plural) }}
{%- endmacro %}
