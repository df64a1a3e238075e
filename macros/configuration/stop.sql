{#-
    Stops the run. Every message of ours says what, where, expected against found, and what to do next.
    Of dbt's exceptions this one is told without the chain of macros that led to it, of no use to who reads the message.
    dbt adds 'Runtime Error in' the model or hook that it was at.
-#}
{% macro stop(message) %}
    {% do exceptions.raise_dependency_error("likely_buyers: " ~ message) %}
{% endmacro %}
