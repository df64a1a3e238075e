{#-
    On Spark, mapped_rows: what event_lines gives of the new lines, with the event's id and day. A mapping's expressions are SQL of
    DuckDB, and stay what they are: DuckDB evaluates them, in the Python workers (python/likely_buyers/spark/mapping.py). Where the
    mapping has `rows`, these are made there, too: of each line by itself, or by one worker that sees all lines.
-#}
{% macro rows_mapped_on_executors(seen) %}
    {%- set columns = "load_id, source_file, left_out, source_event_time, source_event_type, source_user_id,"
        ~ " source_price, source_quantity, event_time, event_type, user_id, session_id, product_id, category, brand, price,"
        ~ " quantity, currency, own_id, event_date" %}
    {%- if not execute or not flags.INTROSPECT %}{% do return("select 1 as load_id") %}{% endif %}
    {%- set mapped, has_rows = compiled_mapping(), event_mapping().get('rows') %}
    {%- if not mapped.columns %}
        {%- do stop("bronze.raw_events has no column, so that nothing tells its lines apart. Load it: dbt build --select raw_events") %}
    {%- endif %}
    {%- set rows = "(select *, cast(null as bigint) as rowid from (" ~ rows_of_lines("select * from lines") ~ ") as made_rows) as mapped_rows"
        if has_rows else "lines" %}
    {%- set sql %}
        -- Spark has no numbers without a sign
        select
            {{ "line" if has_rows else "row_id" }}, {{ columns }},
            {{ 'cast(null as bigint)' if equal_lines_are_separate() else 'cast(cast(hash(own_id) as hugeint) - 9223372036854775808 as bigint)' }} as key_hash
        from (
            select
                *,
                {{ line_as_json(mapped.columns) ~ " as line," if has_rows }}
                {{ id_and_day() }}
            from ({{ mapped_lines(rows, 'event_types') }}) as event_lines
        ) as dated_lines
    {%- endset %}
    {%- do plugin_function('map_lines', {
        'view': 'likely_buyers_mapped_rows',
        'sql': sql,
        'by_line': mapped.by_line,
        'lines': "select * " ~ (", _metadata.row_id as rowid" if not has_rows) ~ " from " ~ ref('raw_events') ~ " where load_id > " ~ seen,
        'tables': {
            'event_types': "select * from " ~ ref('event_types'),
            'latest_files': latest_files(),
            'bronze.file_register': "select * from " ~ log_table('file_register'),
        },
    }) %}
    select * from likely_buyers_mapped_rows
{% endmacro %}
