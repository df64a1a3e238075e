{#-
    A text's place in [0, 1), evenly spread, in steps of 2^-52: the first 13 hexadecimal digits of the MD5 of its UTF-8
    bytes, as a number, over 16^13. It is the same on every engine and in every version, for ever.
-#}
{% macro hash_fraction(text) %}
    {{ return(adapter.dispatch('hash_fraction')(text)) }}
{% endmacro %}

{% macro duckdb__hash_fraction(text) -%}
    cast(cast('0x' || substr({{ dbt.hash(text) }}, 1, 13) as ubigint) as double) / 4503599627370496
{%- endmacro %}

{% macro spark__hash_fraction(text) -%}
    cast(conv(substr({{ dbt.hash(text) }}, 1, 13), 16, 10) as double) / 4503599627370496
{%- endmacro %}
