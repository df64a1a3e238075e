{# numerator / denominator as 64-bit floating point; null where the denominator is zero or null. #}
{% macro ratio(numerator, denominator) -%}
    {{ as_double(numerator) }} / nullif({{ as_double(denominator) }}, 0)
{%- endmacro %}
