{#-
    A fast 64-bit hash of some expressions, null among them. It groups and counts what differs: two values share a hash
    once in 2^64, and engines and versions differ: no id and no choice of users is made of it.
-#}
{% macro fast_hash(expressions) %}
    {{ return(adapter.dispatch('fast_hash')(expressions)) }}
{% endmacro %}

{% macro duckdb__fast_hash(expressions) -%}
    hash({{ expressions | join(', ') }})
{%- endmacro %}

{#- Spark's leaves nulls out: ('a', null) and (null, 'a') would be one. -#}
{% macro spark__fast_hash(expressions) -%}
    xxhash64({% for expression in expressions %}{{ expression }}, {{ expression }} is null{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}
