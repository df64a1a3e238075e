{#-
    On Spark, mapped_rows: what event_lines gives of the new lines, with the event's id and day. A mapping's expressions are SQL of
    DuckDB, and stay what they are: DuckDB evaluates them, in the Python workers (python/likely_buyers/spark/mapping.py).
-#}
{% macro rows_mapped_on_executors(seen) %}
    {%- set columns = "row_id, load_id, source_file, left_out, source_event_time, source_event_type, source_user_id,"
        ~ " source_price, source_quantity, event_time, event_type, user_id, session_id, product_id, category, brand, price,"
        ~ " quantity, currency, own_id, event_date" %}
    {%- if not execute or not flags.INTROSPECT %}{% do return("select 1 as row_id") %}{% endif %}
    {%- if event_mapping().get('rows') %}
        {%- do stop("the event mapping '" ~ var('event_mapping') ~ "' has `rows`, which is not there on Spark yet. Make the rows in a"
            ~ " model of dbt, and name it by events_relation; or build on DuckDB (--target duckdb).") %}
    {%- endif %}
    {%- if not compiled_mapping().columns %}
        {%- do stop("bronze.raw_events has no column, so that nothing tells its lines apart. Load it: dbt build --select raw_events") %}
    {%- endif %}
    {%- set sql %}
        -- Spark has no numbers without a sign
        select {{ columns }}, cast(cast(key_hash as hugeint) - 9223372036854775808 as bigint) as key_hash from (
            select *, {{ id_and_day() }} from ({{ mapped_lines('lines', 'event_types', with_key_hash=true) }}) as event_lines
        ) as dated_lines
    {%- endset %}
    {%- do plugin_function('map_lines', {
        'view': 'likely_buyers_mapped_rows',
        'sql': sql,
        'lines': "select *, _metadata.row_id as rowid from " ~ ref('raw_events') ~ " where load_id > " ~ seen,
        'tables': {'event_types': "select * from " ~ ref('event_types')},
    }) %}
    select * from likely_buyers_mapped_rows
{% endmacro %}
