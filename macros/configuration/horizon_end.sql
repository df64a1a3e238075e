{#- The first day after the horizon of a row with as_of_date and horizon_days. -#}
{% macro horizon_end(row) -%}
    cast({{ dbt.dateadd('day', row ~ '.horizon_days', row ~ '.as_of_date') }} as date)
{%- endmacro %}
