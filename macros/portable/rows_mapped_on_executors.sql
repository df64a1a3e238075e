{#-
    On Spark, mapped_rows: what event_lines gives of the new lines, with the event's id and day. A mapping's expressions are SQL of
    DuckDB, and stay what they are: DuckDB evaluates them, in the Python workers (python/likely_buyers/spark/mapping.py). Where the
    mapping has `rows`, these are made there, too: of each line by itself, or by one worker that sees all lines.
-#}
{% macro rows_mapped_on_executors(seen) %}
    {%- set columns = "load_id, source_file, left_out, event_time, event_type, user_id, session_id, product_id, category, brand, price,"
        ~ " quantity, currency" %}
    {%- if not execute or not flags.INTROSPECT %}{% do return("select 1 as load_id") %}{% endif %}
    {%- set mapped, has_rows = compiled_mapping(), event_mapping().get('rows') %}
    {%- if not mapped.columns %}
        {%- do stop("bronze.raw_events has no column, so that nothing tells its lines apart. Load it: dbt build --select raw_events") %}
    {%- endif %}
    {%- set rows = "(select *, cast(null as bigint) as rowid from (" ~ rows_of_lines("select * from lines") ~ ") as made_rows) as mapped_rows"
        if has_rows else "lines" %}
    {%- set sql %}
        select
            {{ "line" if has_rows else "row_id" }}, {{ columns }}, is_suspect,
            -- what was found is asked for where it breaks a rule
            {%- for name in ['event_time', 'event_type', 'user_id', 'price', 'quantity'] %}
            case when is_suspect then source_{{ name }} end as source_{{ name }},
            {%- endfor %}
            case when event_digest is null then source_event_id end as source_event_id,
            {{ as_bigint("event_digest >> 64") }} as key_digest,
            {{ as_bigint("coalesce(event_digest, hash(source_event_id))") }} as key_hash,
            event_date
        from (
            select
                *,
                {{ line_as_json(mapped.columns) ~ " as line," if has_rows }}
                {{ mapped.event_digest }} as event_digest,
                {{ day_of_event() }} as event_date,
                {{ is_suspect() }} as is_suspect
            from ({{ mapped_lines(rows, 'event_types') }}) as event_lines
            left join (select source_file as name, file_modified_at from latest_files) as files on event_lines.source_file = files.name
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

{#- The lowest 64 bits of a number without a sign, with one: Spark has no other. -#}
{% macro as_bigint(number) -%}
    {%- set bits = "cast(cast(" ~ number ~ " as uhugeint) & 18446744073709551615 as hugeint)" -%}
    cast({{ bits }} - case when {{ bits }} > 9223372036854775807 then 18446744073709551616 else 0 end as bigint)
{%- endmacro %}
