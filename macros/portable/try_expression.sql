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

{#-
    What `try_expression` gave, as text, and as a type: the text is 'unreadable' where the expression failed rather
    than gave null. DuckDB takes an expression that occurs twice out of its try(...) and fails on it, so the typed
    value is made from the text and the expression stands in one place.
-#}
{% macro tried_as_text(tried) %}
    {{ return(adapter.dispatch('tried_as_text')(tried)) }}
{% endmacro %}

{% macro default__tried_as_text(tried) %}
    {% do stop("tried_as_text is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__tried_as_text(tried) -%}
    {%- if tried.startswith('try(') -%}
        coalesce(try(coalesce(cast(({{ tried[4:-1] }}) as varchar), '')), 'unreadable')
    {%- else -%}
        cast({{ tried }} as varchar)
    {%- endif -%}
{%- endmacro %}

{% macro tried_as_type(tried, type) -%}
    {{ try_cast_to(tried_as_text(tried) if tried.startswith('try(') else tried, type) | trim }}
{%- endmacro %}
