{#-
    Sum of numbers of up to 20 digits before the point, as 64-bit floating point. It is summed as a decimal: a sum of
    floating-point numbers would depend on the order of rows.
-#}
{% macro exact_sum(expression) -%}
    cast(sum(cast({{ expression }} as decimal(38, 18))) as double)
{%- endmacro %}
