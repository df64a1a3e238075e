{#-
    What makes two lines the same event. The mapping's dedupe_on: a list of expressions; left out, the
    event id when the mapping gives one, else all columns of the line; `none`: equal lines are separate events.
-#}
{% macro event_key_expressions(event_id_expression, source_columns) %}
    {% set mapping = event_mapping() %}
    {% set keys = [] %}
    {% if mapping.get('dedupe_on') and mapping.dedupe_on != 'none' %}
        {% for expression in mapping.dedupe_on %}
            {% do keys.append(try_expression(expression)) %}
        {% endfor %}
    {% elif event_id_expression and not event_key_is_whole_line() %}
        {% do keys.append(event_id_expression) %}
    {% else %}
        {% for column in source_columns %}{% do keys.append(sql_name(column)) %}{% endfor %}
    {% endif %}
    {% do return(keys or ['1']) %}
{% endmacro %}

{#- The fast hash of an event's key over the columns of raw_events. -#}
{% macro event_key_hash() -%}
    {%- set source_columns = source_column_names() -%}
    {%- set event_id = mapped_expression(event_mapping().get('event_id'), source_columns) -%}
    {{ line_hash(event_key_expressions(event_id, source_columns)) }}
{%- endmacro %}

{#- True when equal lines are recognised by all their columns, which pins them to one day. -#}
{% macro event_key_is_whole_line() %}
    {% set mapping = event_mapping() %}
    {% do return(equal_lines_are_separate() or not (mapping.get('dedupe_on') or mapping.get('event_id'))) %}
{% endmacro %}

{% macro equal_lines_are_separate() %}
    {% do return(event_mapping().get('dedupe_on') == 'none') %}
{% endmacro %}

{#- MD5 over name=value of the columns that are not null: a column added later changes no digest of earlier lines. -#}
{% macro line_digest(source_columns) -%}
    md5(
        {%- for column in source_columns %}
        {{ "|| " if not loop.first -}}
        coalesce({{ sql_text(column ~ '=') }} || cast({{ sql_name(column) }} as {{ dbt.type_string() }}) || chr(31), '')
        {%- else %}''{% endfor %}
    )
{%- endmacro %}

{#- MD5 over expressions by position, nulls kept apart from empty text. -#}
{% macro expressions_digest(expressions) -%}
    md5(
        {%- for expression in expressions %}
        {{ "|| " if not loop.first -}}
        coalesce(cast({{ expression }} as {{ dbt.type_string() }}), chr(30)) || chr(31)
        {%- endfor %}
    )
{%- endmacro %}

{#- The total order by which one of several lines of the same event is kept: by content, never by arrival. -#}
{% macro event_order() -%}
    event_time, event_type, user_id, session_id nulls last, product_id nulls last, category nulls last,
    brand nulls last, price nulls last, quantity
{%- endmacro %}
