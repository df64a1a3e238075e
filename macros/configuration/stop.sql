{#- Stops the run. Every message of ours says what, where, expected against found, and what to do next. -#}
{% macro stop(message) %}
    {% do exceptions.raise_compiler_error("likely_buyers: " ~ message) %}
{% endmacro %}
