{# numerator / denominator as 64-bit floating point; null where the denominator is zero or null. #}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0)
{%- endmacro %}
