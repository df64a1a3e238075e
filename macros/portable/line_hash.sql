{#-
    A fast 64-bit hash of some expressions. It only finds lines that may be equal (their digests decide), so
    neither its collisions nor its differences between engines and versions matter.
-#}
{% macro line_hash(expressions) %}
    {{ return(adapter.dispatch('line_hash')(expressions)) }}
{% endmacro %}

{% macro default__line_hash(expressions) %}
    {% do stop("line_hash is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__line_hash(expressions) -%}
    hash({{ expressions | join(', ') }})
{%- endmacro %}
