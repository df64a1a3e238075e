{#-
    True when a relation can be asked while a model compiles: it is there, and this is no parsing, no unit test (its
    stand-ins have no schema) and no compiling without a connection (--no-introspect).
-#}
{% macro can_be_read(relation) %}
    {% do return(execute and flags.INTROSPECT and relation.schema and load_relation(relation) is not none) %}
{% endmacro %}
