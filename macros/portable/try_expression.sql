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
    The text of what `try_expression` gave, or 'unreadable' where the expression failed rather than gave null;
    otherwise, as an expression, where the mapping has none.
-#}
{% macro text_or_unreadable(tried, otherwise) %}
    {{ return(adapter.dispatch('text_or_unreadable')(tried or otherwise)) }}
{% endmacro %}

{% macro default__text_or_unreadable(tried) %}
    {% do stop("text_or_unreadable is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__text_or_unreadable(tried) -%}
    {%- if tried.startswith('try(') -%}
        coalesce(
            cast({{ tried }} as varchar),
            case when try(({{ tried[4:-1] }}) is null) is null then 'unreadable' end
        )
    {%- else -%}
        cast({{ tried }} as varchar)
    {%- endif -%}
{%- endmacro %}
