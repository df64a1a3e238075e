{#-
    The id of a row of source_rows(), which stays through compaction; and of any table, where a later row has a higher one.
    On Spark what the mapping makes of the lines is a table, which has the id of the line in a column; rows that the mapping's `rows`
    make have ids of their own.
-#}
{% macro row_id() %}
    {{- return(adapter.dispatch('row_id')()) -}}
{% endmacro %}

{% macro duckdb__row_id() %}{% do return('rowid') %}{% endmacro %}

{% macro spark__row_id() %}{% do return('_metadata.row_id' if event_mapping().get('rows') else 'row_id') %}{% endmacro %}

{% macro row_id_of_table() %}
    {{- return(adapter.dispatch('row_id_of_table')()) -}}
{% endmacro %}

{% macro duckdb__row_id_of_table() %}{% do return('rowid') %}{% endmacro %}

{% macro spark__row_id_of_table() %}{% do return('_metadata.row_id') %}{% endmacro %}
