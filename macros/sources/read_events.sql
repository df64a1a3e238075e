{#-
    Select of the records of the given files, as they came, with where they came from.
    columns: as raw_columns gives them; a value whose type is another there is cast.
    Lines that the engine cannot read go to its temporary tables raw_rejects and raw_reject_scans.
-#}
{% macro read_events(files, columns, load_id) %}
    {{ return(adapter.dispatch('read_events')(files, columns, load_id)) }}
{% endmacro %}

{% macro default__read_events(files, columns, load_id) %}
    {% do stop("read_events is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__read_events(files, columns, load_id) -%}
    {%- for group in duckdb__groups_read_alike(files) %}
    {%- set file = group[0] %}
    select
        {%- for column in file.columns %}
        {%- set raw_column = columns[column | lower] %}
        {%- if file.format == 'json' %}
        {{ duckdb__json_value(file.json_keys.get(column) or [column]) }}
        {%- elif file.types and file.types[loop.index0] != raw_column.type %}
        cast({{ sql_name(column) }} as {{ raw_column.type }})
        {%- else %}
        {{ sql_name(column) }}
        {%- endif %} as {{ sql_name(raw_column.name) }},
        {%- endfor %}
        {{ duckdb__name_in_bronze(group) }} as source_file,
        cast({{ load_id }} as bigint) as load_id,
        cast({{ sql_text(run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f")) }} as timestamp) as loaded_at
    from
        {%- if file.format in ['parquet', 'relation'] %}
        read_parquet({{ sql_list(group | map(attribute='read_path')) }}, filename = 'read_path', union_by_name = true)
        {%- elif file.format == 'json' %}
        {{ duckdb__json_lines(group) }}
    where {{ duckdb__json_problem() }} = ''
        {%- else %}
        read_csv(
            {{ sql_list(group | map(attribute='read_path')) }}, filename = 'read_path',
            columns = { {%- for column in file.columns %}{{ sql_text(column) }}: 'VARCHAR'
                {{- ', ' if not loop.last }}{% endfor -%} },
            delim = {{ sql_text(file.delimiter) }}, quote = {{ sql_text(file.quote) }}, escape = {{ sql_text(file.escape) }},
            nullstr = {{ sql_list([''] + file.nulls) }}, skip = {{ file.skip }},
            {#- without quotes its strict mode knows no escape -#}
            strict_mode = {{ not (file.escape and not file.quote) }},
            {#- a line end within a value would be taken for the way in which lines end -#}
            {%- if file.new_line %}
            new_line = {{ sql_text(file.new_line) }},
            {%- endif %}
            {{ duckdb__reading_text(file) }}
        )
        {%- endif %}
    {{ 'union all by name' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- What all reading of text has in common. -#}
{% macro duckdb__reading_text(file) -%}
    auto_detect = false, header = false, max_line_size = 33554432, compression = {{ sql_text(file.compression) }},
            store_rejects = true, rejects_table = 'raw_rejects', rejects_scan = 'raw_reject_scans'
{%- endmacro %}

{#- JSON as a relation (line, read_path): a line of the file, an element of its array, or a value over several lines. -#}
{% macro duckdb__json_lines(group) -%}
    {%- set file = group[0] -%}
    {%- set paths = sql_list(group | map(attribute='read_path')) -%}
    {%- if file.json_kind == 'lines' -%}
    (
        select *
        from read_csv(
            {{ paths }}, columns = {'line': 'VARCHAR'}, filename = 'read_path', delim = '{{ '\x01' }}', quote = '', escape = '',
            strict_mode = false, {{ duckdb__reading_text(file) }}
        )
        where trim(line, e' \t\r') <> ''
    )
    {%- else -%}
    (
        select json as line, filename as read_path
        from read_json_objects(
            {{ paths }}, format = {{ sql_text(file.json_kind) }}, filename = true, maximum_object_size = 134217728,
            compression = {{ sql_text('uncompressed' if file.compression == 'none' else file.compression) }}
        )
    )
    {%- endif -%}
{%- endmacro %}

{#- The text of the first of several keys that a line has. -#}
{% macro duckdb__json_value(keys) -%}
    {%- set values = [] -%}
    {%- for key in keys -%}
        {#- a path of JSON has no word for the empty key, a pointer has -#}
        {%- do values.append("line ->> " ~ sql_text('$."' ~ key | replace('\\', '\\\\') | replace('"', '\\"') ~ '"' if key else '/')) -%}
    {%- endfor -%}
    {{ values[0] if values | length == 1 else 'coalesce(' ~ values | join(', ') ~ ')' }}
{%- endmacro %}

{% macro duckdb__json_problem() -%}
    case
        when not json_valid(line) then 'not valid JSON'
        when json_type(line) <> 'OBJECT' then 'not a JSON object'
        else ''
    end
{%- endmacro %}

{#- Files with the same columns, read in the same way: one scan takes them all. -#}
{% macro duckdb__groups_read_alike(files) %}
    {% set groups = {} %}
    {% for file in files %}
        {% set alike = [] %}
        {% for key in ['format', 'columns', 'types', 'delimiter', 'quote', 'escape', 'nulls', 'skip', 'compression', 'json_kind', 'new_line', 'json_keys'] %}
            {% do alike.append(file[key] if key in file else none) %}
        {% endfor %}
        {% do groups.setdefault(tojson(alike), []).append(file) %}
    {% endfor %}
    {% do return(groups.values() | list) %}
{% endmacro %}

{#- The name in bronze of the file that a row was read from, which may have been a copy. -#}
{% macro duckdb__name_in_bronze(group) -%}
    {%- set copies = [] -%}
    {%- for file in group if file.read_path != file.path -%}{%- do copies.append(file) -%}{%- endfor -%}
    {%- if not copies -%}
    read_path
    {%- else -%}
    coalesce(map({{ sql_list(copies | map(attribute='read_path')) }}, {{ sql_list(copies | map(attribute='path')) }})[read_path], read_path)
    {%- endif -%}
{%- endmacro %}
