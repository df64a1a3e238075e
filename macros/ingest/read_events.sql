{#-
    Select of the readable lines of the given files, as they came, with where they came from.
    columns: as raw_columns gives them; a value whose type is another there is cast.
-#}
{% macro read_events(files, columns) %}
    {{ return(adapter.dispatch('read_events')(files, columns)) }}
{% endmacro %}

{% macro default__read_events(files, columns) %}
    {% do stop("read_events is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__read_events(files, columns) -%}
    {%- for group in group_files(files) %}
    select
        {%- for column in group.columns %}
        {%- set raw_column = columns[column | lower] %}
        {%- if group.format == 'json_lines' %}
        line ->> {{ sql_text('$."' ~ column ~ '"') }}
        {%- elif group.is_line_by_line %}
        {{ duckdb__unquoted('fields[' ~ loop.index ~ ']') }}
        {%- elif group.types and group.types[loop.index0] != raw_column.type %}
        cast({{ sql_name(column) }} as {{ raw_column.type }})
        {%- else %}
        {{ sql_name(column) }}
        {%- endif %} as {{ sql_name(raw_column.name) }},
        {%- endfor %}
        source_file,
        cast({{ group.load_id }} as bigint) as load_id,
        cast({{ sql_text(group.loaded_at) }} as timestamp) as loaded_at
    from
        {%- if group.format == 'parquet' %}
        read_parquet({{ sql_list(group.paths) }}, filename = 'source_file', union_by_name = true)
        {%- elif group.format == 'json_lines' %}
        {{ duckdb__text_lines(group.paths) }}
    where {{ duckdb__line_problem('json_lines', '', 0) }} = ''
        {%- elif group.is_line_by_line %}
        (
            select
                source_file,
                regexp_extract_all(
                    line || {{ sql_text(group.delimiter) }},
                    {{ sql_text('(' ~ duckdb__csv_field_pattern(group.delimiter) ~ ')[' ~ group.delimiter ~ ']') }}, 1
                ) as fields
            from {{ duckdb__text_lines(group.paths, has_header=true) }}
            where {{ duckdb__line_problem('csv', group.delimiter, group.columns | length) }} = ''
        )
        {%- else %}
        read_csv(
            {{ sql_list(group.paths) }}, auto_detect = false, header = true, filename = 'source_file',
            columns = { {%- for column in group.columns %}{{ sql_text(column) }}: 'VARCHAR'
                {{- ', ' if not loop.last }}{% endfor -%} },
            delim = {{ sql_text(group.delimiter) }}, quote = '"', escape = '"', max_line_size = 33554432,
            ignore_errors = true
        )
        {%- endif %}
    {{ 'union all by name' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- A CSV field without its quotes; empty is null, as the engine's own reader has it. -#}
{% macro duckdb__unquoted(field) -%}
    nullif(
        case
            when starts_with({{ field }}, '"') then replace({{ field }}[2:length({{ field }}) - 1], '""', '"')
            else {{ field }}
        end, ''
    )
{%- endmacro %}

{#- Select of the lines of the given files that cannot be read, with the reason. -#}
{% macro read_rejected_lines(files) %}
    {{ return(adapter.dispatch('read_rejected_lines')(files)) }}
{% endmacro %}

{% macro default__read_rejected_lines(files) %}
    {% do stop("read_rejected_lines is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__read_rejected_lines(files) -%}
    {%- for group in group_files(files | rejectattr('format', 'equalto', 'parquet') | list) %}
    {%- set problem = duckdb__line_problem(group.format, group.delimiter, group.columns | length) %}
    {%- for any_bytes in [false, true] %}
    select
        source_file,
        line,
        {{ "'not UTF-8'" if any_bytes else problem }} as reason,
        cast({{ group.load_id }} as bigint) as load_id,
        cast({{ sql_text(group.loaded_at) }} as timestamp) as loaded_at
    from {{ duckdb__text_lines(group.paths, has_header=group.format == 'csv', any_bytes=any_bytes) }}
    where {{ duckdb__is_not_utf8() if any_bytes else problem ~ " <> ''" }}
    {{ 'union all by name' if not loop.last }}
    {%- endfor %}
    {{ 'union all by name' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Select of (source_file, line_count, rejected_count, is_line_by_line) of the given files, counted apart from loading. -#}
{% macro count_lines(files) %}
    {{ return(adapter.dispatch('count_lines')(files)) }}
{% endmacro %}

{% macro default__count_lines(files) %}
    {% do stop("count_lines is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__count_lines(files) -%}
    {%- for group in group_files(files) %}
    {%- if group.format == 'parquet' %}
    select
        file_name as source_file, cast(num_rows as bigint) as line_count, cast(0 as bigint) as rejected_count,
        false as is_line_by_line
    from parquet_file_metadata({{ sql_list(group.paths) }})
    {%- else %}
    select
        source_file,
        count(*) as line_count,
        count(*) filter (where is_not_utf8 or problem <> '') as rejected_count,
        {#- the engine's CSV reader lets an unterminated quote swallow what follows, so it does not get to see one #}
        count(*) filter (where problem = 'unterminated quote') > 0 as is_line_by_line
    from (
        select
            source_file,
            {{ duckdb__line_problem(group.format, group.delimiter, group.columns | length) }} as problem,
            {{ duckdb__is_not_utf8() }} as is_not_utf8
        from {{ duckdb__text_lines(group.paths, has_header=group.format == 'csv', any_bytes=true) }}
    )
    group by source_file
    {%- endif %}
    {{ 'union all by name' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
