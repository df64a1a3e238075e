{#-
    numerator / denominator; null where the denominator is zero or null. As 64-bit floating point, which `double` is on every
    engine here, and what every feature is: dbt's own `type_float` is 32-bit on DuckDB, and would round features.
-#}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0)
{%- endmacro %}
