{#- One schema a layer, named as the layer: bronze, silver, training, gold. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
