{#-
    Select of a query, a `call` block, of few rows that a statement reads more than once, or joins with many; `given` are the CTEs that it
    reads. Spark computes such a query again wherever it is read, and moves all rows of both sides of a join before it knows how few one
    has. There it is a view of this name, of rows that are computed once, when create_table_as is about to read them; is_joined has
    them stay with the executors, and counted.
-#}
{% macro kept_rows(name, given='', is_joined=false) %}
    {{- return(adapter.dispatch('kept_rows')(name, given, is_joined, caller())) -}}
{% endmacro %}

{% macro duckdb__kept_rows(name, given, is_joined, query) %}{% do return(query) %}{% endmacro %}

{% macro spark__kept_rows(name, given, is_joined, query) %}
    {%- set view = 'likely_buyers_' ~ name -%}
    {%- set whole = "with " ~ given ~ " select * from (" ~ query ~ ") as kept_rows" if given else query -%}
    {%- do plugin_function('note_rows', {'model': this.identifier, 'view': view, 'query': whole, 'is_joined': is_joined}) -%}
    {%- do return('select * from ' ~ view) -%}
{% endmacro %}
