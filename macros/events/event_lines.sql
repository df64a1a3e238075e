{#-
    Select of raw lines seen through the event mapping: the columns of the event contract (null where the line
    has none or cannot be read), what they were before they were typed (source_...), the expressions that make
    two lines the same event (event_key_...) and the line's own columns ("source.<name>"). One row per raw line
    of the pending loads. It types and renames, and leaves what is dear (digests, JSON) to who needs it.

    pending: select of the load ids to take in.
    only: a condition on raw_events that narrows the lines.
-#}
{% macro event_lines(pending, only=none) %}
    {%- set source_columns = source_column_names() -%}
    {%- set given = mapped_expressions(source_columns) -%}
    select
        mapped_lines.*,
        coalesce(event_types.event_type, case when mapped_lines.source_event_type in (
            {%- for kind in event_kinds() %}'{{ kind }}'{{ ', ' if not loop.last }}{% endfor -%}
        ) then mapped_lines.source_event_type end) as event_type,
        loaded_files.modified_at as file_modified_at
    from (
        select
            {%- for expression in event_key_expressions(given, source_columns) if not event_key_is_whole_line() %}
            {{ expression }} as event_key_{{ loop.index }},
            {%- endfor %}
            cast({{ given.event_id or 'null' }} as {{ dbt.type_string() }}) as source_event_id,
            {{ try_cast_to(given.event_time, dbt.type_timestamp()) }} as event_time,
            cast({{ given.event_time }} as {{ dbt.type_string() }}) as source_event_time,
            cast({{ given.event_type }} as {{ dbt.type_string() }}) as source_event_type,
            nullif(trim(cast({{ given.user_id }} as {{ dbt.type_string() }})), '') as user_id,
            {%- for column in ['session_id', 'product_id', 'category', 'brand'] %}
            nullif(cast({{ given[column] or 'null' }} as {{ dbt.type_string() }}), '') as {{ column }},
            {%- endfor %}
            {{ tried_as_type(given.price or 'null', 'decimal(18, 4)') }} as price,
            nullif({{ tried_as_text(given.price or 'null') }}, '') as source_price,
            {{ tried_as_type(given.quantity or '1', 'decimal(18, 3)') }} as quantity,
            nullif({{ tried_as_text(given.quantity or '1') }}, '') as source_quantity,
            {%- for column in source_columns %}
            {{ sql_name(column) }} as {{ sql_name('source.' ~ column) }},
            {%- endfor %}
            raw_events.source_file
        from {{ ref('raw_events') }} as raw_events
        where
            raw_events.load_id in ({{ pending }})
            {%- if only %}
            and {{ only }}
            {%- endif %}
    ) as mapped_lines
    left join {{ ref('event_types') }} as event_types
        on
            mapped_lines.source_event_type = event_types.source_value
            and event_types.event_mapping = {{ sql_text(var('event_mapping')) }}
    left join (
        select
            source_file,
            max(modified_at) as modified_at
        from {{ ref('loaded_files') }}
        group by source_file
    ) as loaded_files on mapped_lines.source_file = loaded_files.source_file
{% endmacro %}

{#- The columns of raw_events that came with the files, by name, so that a column added later changes no digest. -#}
{% macro source_column_names() %}
    {% set names = [] %}
    {% if can_be_read(ref('raw_events')) %}
        {% for column in adapter.get_columns_in_relation(ref('raw_events'))
            if column.name not in load_columns() %}
            {% do names.append(column.name) %}
        {% endfor %}
    {% endif %}
    {% do return(names | sort) %}
{% endmacro %}

{#-
    Contract column -> the mapping's expression, made safe; none where the mapping has none, 'null' where no file
    so far had a column that it reads.
-#}
{% macro mapped_expressions(source_columns) %}
    {% set mapping = event_mapping() %}
    {% set known = source_columns | map('lower') | list %}
    {% set given = {} %}
    {% for column in contract_columns() %}
        {% set expression = mapping.get(column) %}
        {% set absent = [] %}
        {% if expression and known %}
            {% for name in referenced_columns(expression, known) if name | lower not in known %}
                {% do absent.append(name) %}
            {% endfor %}
        {% endif %}
        {% do given.update({
            column: (none if not expression else ('null' if absent else try_expression(expression) | trim))
        }) %}
    {% endfor %}
    {% do return(given) %}
{% endmacro %}
