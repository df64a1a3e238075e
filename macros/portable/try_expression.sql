{#-
    The value of a scalar expression, or null where evaluating it fails: one dirty line must not stop a load.
    DuckDB: try(...). An expression that is a bare column cannot fail and stays as it is.
-#}
{% macro try_expression(expression) %}
    {{ return(adapter.dispatch('try_expression')(expression)) }}
{% endmacro %}

{% macro default__try_expression(expression) %}
    {% do stop("try_expression is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__try_expression(expression) -%}
    {%- if modules.re.match('^[A-Za-z_"][A-Za-z0-9_" ]*$', expression | trim) -%}
        {{ expression | trim }}
    {%- else -%}
        try({{ expression | trim }})
    {%- endif -%}
{%- endmacro %}
