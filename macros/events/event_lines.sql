{#-
    Select of raw lines seen through the event mapping: the columns of the event contract (null where the
    line has none or cannot be read), `problems` for quarantine, and what tells equal lines apart. One row
    per raw line of the pending loads. Columns that a model does not use cost nothing.

    pending: select of the load ids to take in.
    only: a condition on raw_events that narrows the lines before anything is computed from them.
-#}
{% macro event_lines(pending, only=none) %}
    {%- set mapping = event_mapping() -%}
    {%- set source_columns = source_column_names() -%}
    {%- set expressions = {} -%}
    {%- for column in contract_columns() -%}
        {%- do expressions.update({column: mapped_expression(mapping.get(column), source_columns)}) -%}
    {%- endfor -%}
    select
        mapped_lines.*,
        coalesce(event_types.event_type, case when mapped_lines.source_event_type in (
            {%- for kind in event_kinds() %}'{{ kind }}'{{ ', ' if not loop.last }}{% endfor -%}
        ) then mapped_lines.source_event_type end) as event_type,
        loaded_files.modified_at as file_modified_at
    from (
        select
            {{ line_digest(source_columns) }} as line_digest,
            {% if event_key_is_whole_line() -%}
            {{ line_digest(source_columns) }}
            {%- else -%}
            coalesce(
                cast({{ expressions.event_id or 'null' }} as {{ dbt.type_string() }}),
                {{ expressions_digest(event_key_expressions(expressions.event_id, source_columns)) }}
            )
            {%- endif %} as event_id,
            {{ dbt.safe_cast(expressions.event_time, dbt.type_timestamp()) }} as event_time,
            cast({{ expressions.event_type }} as {{ dbt.type_string() }}) as source_event_type,
            nullif(trim(cast({{ expressions.user_id }} as {{ dbt.type_string() }})), '') as user_id,
            {%- for column in ['session_id', 'product_id', 'category', 'brand'] %}
            nullif(cast({{ expressions[column] or 'null' }} as {{ dbt.type_string() }}), '') as {{ column }},
            {%- endfor %}
            {{ dbt.safe_cast(expressions.price or 'null', 'decimal(18, 4)') }} as price,
            {{ dbt.safe_cast(expressions.quantity or '1', 'decimal(18, 3)') }} as quantity,
            nullif(cast({{ expressions.price or 'null' }} as {{ dbt.type_string() }}), '') as source_price,
            nullif(cast({{ expressions.quantity or '1' }} as {{ dbt.type_string() }}), '') as source_quantity,
            cast({{ expressions.event_time }} as {{ dbt.type_string() }}) as source_event_time,
            raw_events.source_file,
            {{ columns_as_json(source_columns) }} as line
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
        select source_file, max(modified_at) as modified_at
        from {{ ref('loaded_files') }}
        group by source_file
    ) as loaded_files on mapped_lines.source_file = loaded_files.source_file
{% endmacro %}

{#- Name -> condition that breaks the event contract. An absent price and an absent quantity break nothing. -#}
{% macro contract_violations() %}
    {% do return({
        'invalid_event_time': 'event_time is null',
        'future_event_time': "coalesce(event_time > " ~ dbt.dateadd('day', 1, 'file_modified_at') ~ ", false)",
        'unknown_event_type': 'event_type is null',
        'missing_user_id': 'user_id is null',
        'invalid_price': 'price is null and source_price is not null',
        'negative_price': 'coalesce(price < 0, false)',
        'invalid_quantity': 'quantity is null and source_quantity is not null',
        'non_positive_quantity': 'coalesce(quantity <= 0, false)',
    }) %}
{% endmacro %}

{% macro keeps_contract() -%}
    not (
        {%- for condition in contract_violations().values() %}
        ({{ condition }}){{ ' or' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{#- The columns of raw_events that came with the files, by name, so that a column added later changes no digest. -#}
{% macro source_column_names() %}
    {% set names = [] %}
    {% if execute and load_relation(ref('raw_events')) is not none %}
        {% for column in adapter.get_columns_in_relation(ref('raw_events'))
            if column.name not in ['source_file', 'load_id', 'loaded_at'] %}
            {% do names.append(column.name) %}
        {% endfor %}
    {% endif %}
    {% do return(names | sort) %}
{% endmacro %}

{#-
    The mapping's expression for a contract column, made safe; none where the mapping has none, or where no
    file so far had a column that it reads.
-#}
{% macro mapped_expression(expression, source_columns) %}
    {% if not expression %}
        {% do return(none) %}
    {% endif %}
    {% set known = source_columns | map('lower') | list %}
    {% if execute and known %}
        {% for name in referenced_columns(expression) if name | lower not in known %}
            {% do return('null') %}
        {% endfor %}
    {% endif %}
    {% do return(try_expression(expression)) %}
{% endmacro %}
