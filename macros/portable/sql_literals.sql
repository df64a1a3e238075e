{#- Text as a SQL literal, and a name as a SQL identifier. -#}
{% macro sql_text(value) -%}
    {% do return("'" ~ (value | string | replace("'", "''")) ~ "'") %}
{%- endmacro %}

{% macro sql_name(name) -%}
    {% do return('"' ~ (name | string | replace('"', '""')) ~ '"') %}
{%- endmacro %}
