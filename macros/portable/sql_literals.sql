{#- Text as a SQL literal, and a name as a SQL identifier. -#}
{% macro sql_text(value) -%}
    {% do return(adapter.dispatch('sql_text')(value)) %}
{%- endmacro %}

{% macro duckdb__sql_text(value) -%}
    {% do return("'" ~ (value | string | replace("'", "''")) ~ "'") %}
{%- endmacro %}

{% macro spark__sql_text(value) -%}
    {% do return("'" ~ (value | string | replace("\\", "\\\\") | replace("'", "\\'")) ~ "'") %}
{%- endmacro %}

{% macro sql_name(name) -%}
    {% do return(adapter.dispatch('sql_name')(name)) %}
{%- endmacro %}

{% macro duckdb__sql_name(name) -%}
    {% do return('"' ~ (name | string | replace('"', '""')) ~ '"') %}
{%- endmacro %}

{% macro spark__sql_name(name) -%}
    {% do return('`' ~ (name | string | replace('`', '``')) ~ '`') %}
{%- endmacro %}
