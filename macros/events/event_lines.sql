{#-
    Select of raw lines seen through the event mapping: the columns of the event contract (null where the row
    has none or cannot be read), what they were before they were typed (source_...), left_out (by which name, or null),
    the expressions that make two rows the same event (event_key_...) and the row's own columns ("source.<name>"). One row
    per row that the mapping's `rows` makes of the lines of the pending loads; without `rows` that is one a line. It types
    and renames, and leaves what is dear (digests, JSON) to who needs it.

    pending: select of the load ids to take in.
    only: a condition on the rows that narrows them.
-#}
{% macro event_lines(pending, only=none) %}
    {%- set mapped = compiled_mapping() -%}
    {%- set given = mapped.expressions -%}
    select
        typed_lines.*,
        coalesce(typed_lines.row_load_id, loaded_files.load_id) as load_id,
        coalesce(event_types.event_type, case when typed_lines.source_event_type in (
            'view', 'cart', 'remove_from_cart', 'purchase', 'refund'
        ) then typed_lines.source_event_type end) as event_type,
        loaded_files.modified_at as file_modified_at
    from (
        select
            given_lines.*,
            {{ given.event_time.typed }} as event_time,
            coalesce(cast(given_event_time as {{ dbt.type_string() }}), event_time_columns) as source_event_time,
            coalesce({% for user in given.user_id %}{{ user.name }}, {% endfor %}null) as source_user_id,
            coalesce(
                {%- for user in given.user_id %}case when {{ is_placeholder(user.name) }} then null else {{ user.name }} end, {% endfor -%}
            null) as user_id,
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
                nullif(trim({{ user.text }}), '') as {{ user.name }},
                {%- endfor %}
                {%- for column in ['session_id', 'product_id', 'category', 'brand'] %}
                nullif({{ given[column].text }}, '') as {{ column }},
                {%- endfor %}
                nullif({{ given.price.text }}, '') as source_price,
                nullif({{ given.quantity.text }}, '') as source_quantity,
                nullif(upper(trim({{ given.currency.text }})), '') as currency,
                {{ mapped.left_out }} as left_out,
                {%- for column in mapped.columns %}
                {{ sql_name(column.name) }} as {{ sql_name('source.' ~ column.name) }},
                {%- endfor %}
                source_file,
                load_id as row_load_id
            from {{ mapped_rows(raw_lines(pending)) }} as mapped_rows
            {%- if only %}
            where {{ only }}
            {%- endif %}
        ) as given_lines
    ) as typed_lines
    left join {{ ref('event_types') }} as event_types
        on
            typed_lines.source_event_type = event_types.source_value
            and event_types.event_mapping = {{ sql_text(var('event_mapping')) }}
    left join (
        select
            source_file,
            max(load_id) as load_id,
            max(modified_at) as modified_at
        from {{ ref('loaded_files') }}
        group by source_file
    ) as loaded_files on typed_lines.source_file = loaded_files.source_file
{% endmacro %}

{#- Texts that stand for nobody (vars.placeholder_user_ids), whatever their case. -#}
{% macro is_placeholder(text) -%}
    lower({{ text }}) in (''{% for value in var('placeholder_user_ids') %}, {{ sql_text(value | string | lower) }}{% endfor %})
{%- endmacro %}
