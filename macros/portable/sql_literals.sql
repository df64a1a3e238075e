{#- Text as a SQL literal, a list of texts as a SQL list, and a name as a SQL identifier. -#}
{% macro sql_text(value) -%}
    {% do return("'" ~ (value | string | replace("'", "''")) ~ "'") %}
{%- endmacro %}

{% macro sql_list(values) -%}
    {% set quoted = [] %}
    {% for value in values %}{% do quoted.append(sql_text(value)) %}{% endfor %}
    {% do return("[" ~ quoted | join(', ') ~ "]") %}
{%- endmacro %}

{% macro sql_name(name) -%}
    {% do return('"' ~ (name | string | replace('"', '""')) ~ '"') %}
{%- endmacro %}
