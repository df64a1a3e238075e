{{ config(pre_hook="{{ forget_unfinished_loads() }}") }}
-- depends_on: {{ ref('event_types') }}

{%- set files = inspect_event_files(this if is_incremental() else none) if execute else [] %}

{%- if not files %}

select * from {{ this }}
where false

{%- else %}

with inspected_files as (
    {%- for file in files %}
    select
        {{ sql_text(file.path) }} as source_file,
        {{ sql_text(file.format) }} as format,
        {{ sql_text(file.delimiter) }} as delimiter,
        {{ sql_text(tojson(file.columns)) }} as source_columns,
        cast({{ file.size }} as {{ dbt.type_bigint() }}) as size_bytes,
        cast({{ sql_text(file.modified_at) }} as {{ dbt.type_timestamp() }}) as modified_at,
        {{ file.replaces_earlier | lower }} as replaces_earlier
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

line_counts as (
    {%- if group_files(files) %}
    {{ count_lines(files) }}
    {%- else %}
    select
        source_file,
        0 as line_count,
        0 as rejected_count,
        false as is_line_by_line
    from inspected_files
    where false
    {%- endif %}
),

earlier_loads as (
    select coalesce(max(load_id), 0) as last_load_id
    from {{ load_progress() }}
),

loaded_files as (
    select
        earlier_loads.last_load_id + 1 as load_id,
        inspected_files.source_file,
        {{ sql_text(var('event_mapping')) }} as event_mapping,
        inspected_files.format,
        inspected_files.delimiter,
        inspected_files.source_columns,
        coalesce(line_counts.is_line_by_line, false) as is_line_by_line,
        inspected_files.replaces_earlier,
        inspected_files.size_bytes,
        cast(coalesce(line_counts.line_count, 0) as {{ dbt.type_bigint() }}) as line_count,
        cast(coalesce(line_counts.rejected_count, 0) as {{ dbt.type_bigint() }}) as rejected_count,
        inspected_files.modified_at,
        cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as {{ dbt.type_timestamp() }}) as loaded_at
    from inspected_files
    left join line_counts on inspected_files.source_file = line_counts.source_file
    cross join earlier_loads
)

select * from loaded_files

{%- endif %}
