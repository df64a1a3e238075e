{#-
    Select of source_rows seen through the event mapping: the columns of the event contract (null where the row has none or
    cannot be read), what they were before they were typed (source_...), left_out (by which name, or null), the expressions
    that make two rows the same event (event_key_...), the row's own columns ("source.<name>"), and row_id, load_id and
    source_file. It types and renames, and leaves what is dear (digests, JSON) to who needs it.

    only: a condition on the rows that narrows them.
    with_key_hash: key_hash, too: a fast hash of what makes two rows the same event.
    are_valid: the rows are known to keep the contract, so that nothing is looked at twice.
-#}
{% macro event_lines(only=none, with_key_hash=false, are_valid=false) %}
    {{- return(adapter.dispatch('event_lines')(only, with_key_hash, are_valid)) -}}
{% endmacro %}

{% macro duckdb__event_lines(only, with_key_hash, are_valid) %}
    {#- whether the seed names any of the mapping's event types: a join with none costs as much as one with some -#}
    {%- set of_mapping = ref('event_types') ~ " as event_types where event_mapping = " ~ sql_text(var('event_mapping')) -%}
    {%- set has_types = not can_be_read(ref('event_types')) or looked_up("select count(*) from " ~ of_mapping) > 0 -%}
    {{ mapped_lines(source_rows(), ref('event_types') if has_types, only, with_key_hash, are_valid) }}
{% endmacro %}

{#- On Spark they are a table, which DuckDB makes on the executors: mapped_rows. -#}
{% macro spark__event_lines(only, with_key_hash, are_valid) %}
    select * {{- ", " ~ row_id() ~ " as row_id" if event_mapping().get('rows') }} from {{ source_rows() }}
    {{ 'where ' ~ only if only }}
{% endmacro %}

{#- The same over any rows, with event_types or none, in DuckDB's SQL whatever the target is. -#}
{% macro mapped_lines(rows, event_types, only=none, with_key_hash=false, are_valid=false) %}
    {%- set mapped = compiled_mapping() -%}
    {%- set given = mapped.expressions -%}
    select
        typed_lines.*,
        {{ "coalesce(event_types.event_type, " if event_types }}
        {{- "typed_lines.source_event_type" if are_valid else "case when typed_lines.source_event_type in ("
            ~ "'view', 'cart', 'remove_from_cart', 'purchase', 'refund') then typed_lines.source_event_type end" }}
        {{- ")" if event_types }} as event_type
    from (
        select
            given_lines.*,
            {{ given.event_time.typed }} as event_time,
            coalesce(cast(given_event_time as {{ dbt.type_string() }}), event_time_columns) as source_event_time,
            coalesce({% for user in given.user_id %}{{ user.name }}, {% endfor %}null) as source_user_id,
            {%- if are_valid and given.user_id | length == 1 %}
            {{ given.user_id[0].name }} as user_id,
            {%- else %}
            coalesce(
                {%- for user in given.user_id %}case when {{ is_placeholder(user.name) }} then null else {{ user.name }} end, {% endfor -%}
            null) as user_id,
            {%- endif %}
            {{ given.price.typed }} as price,
            {{ given.quantity.typed }} as quantity
        from (
            select
                {%- for expression in mapped.event_key if not event_key_is_whole_line() %}
                {{ expression }} as event_key_{{ loop.index }},
                {%- endfor %}
                {{ given.event_id.text }} as source_event_id,
                {{ given.event_time.value }} as given_event_time,
                {{ given.event_time.reads }} as event_time_columns,
                {{ given.event_type.text }} as source_event_type,
                {%- for user in given.user_id %}
                {{ user.text }} as {{ user.name }},
                {%- endfor %}
                {%- for column in ['session_id', 'product_id', 'category', 'brand'] %}
                nullif({{ given[column].text }}, '') as {{ column }},
                {%- endfor %}
                {{ given.price.value }} as given_price,
                {{ given.quantity.value }} as given_quantity,
                nullif({{ given.price.text }}, '') as source_price,
                nullif({{ given.quantity.text }}, '') as source_quantity,
                nullif(upper(trim({{ given.currency.text }})), '') as currency,
                {{ mapped.left_out }} as left_out,
                {%- for column in mapped.columns %}
                {{ duckdb__sql_name(column.name) }} as {{ duckdb__sql_name('source.' ~ column.name) }},
                {%- endfor %}
                {%- if with_key_hash %}
                {{ event_key_hash() }} as key_hash,
                {%- endif %}
                rowid as row_id,
                load_id,
                source_file
            from {{ rows }}
            {{ 'where ' ~ only if only }}
        ) as given_lines
    ) as typed_lines
    {%- if event_types %}
    left join {{ event_types }} as event_types
        on
            typed_lines.source_event_type = event_types.source_value
            and event_types.event_mapping = {{ duckdb__sql_text(var('event_mapping')) }}
    {%- endif %}
{% endmacro %}

{#-
    Select of what the mapping's `rows` make of a SELECT of lines, with the file and load of each, in DuckDB's SQL whatever the
    target is. Reads latest_files(), as a relation of that name. A key that no JSON so far had is null.
-#}
{% macro rows_of_lines(lines) %}
    {%- set mapped = compiled_mapping() -%}
    select
        {%- for column in mapped.columns or [] %}
        mapped_rows.{{ duckdb__sql_name(column.name) }},
        {%- endfor %}
        mapped_rows.source_file,
        -- of rows that come from several lines, or pass no file on, the load that they were last made at
        coalesce(
            mapped_rows.load_id, latest_files.load_id, (select max(files.load_id) from latest_files as files)
        ) as load_id
    from (
        select * from {{ mapped.rows | join("select * " ~ mapped.absent ~ " from (" ~ lines ~ ") as given_lines") }} as rows_of_mapping
    ) as mapped_rows
    left join latest_files on mapped_rows.source_file = latest_files.source_file
{% endmacro %}

{#- Select of files by name as they were last taken in: source_file, load_id, file_modified_at. -#}
{% macro latest_files() %}
    select
        source_file,
        max(load_id) as load_id,
        max(modified_at) as file_modified_at
    from {{ ref('loaded_files') }}
    group by source_file
{% endmacro %}

{#- Texts that stand for nobody (vars.placeholder_user_ids), whatever their case. -#}
{% macro is_placeholder(text) -%}
    lower({{ text }}) in (''{% for value in var('placeholder_user_ids') %}, {{ duckdb__sql_text(value | string | lower) }}{% endfor %})
{%- endmacro %}
