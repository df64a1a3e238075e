{# A number as 64-bit floating point, the type of every feature. #}
{% macro as_double(expression) -%}
    cast({{ expression }} as {{ type_double() }})
{%- endmacro %}
