{#-
    What makes two lines the same event, as expressions over raw_events. The mapping's dedupe_on: a list of
    expressions; left out, the event id when the mapping gives one, else all columns of the line; `none`: equal
    lines are separate events.
-#}
{% macro event_key_expressions(given, source_columns) %}
    {% set keys = [] %}
    {% if event_key_is_whole_line() %}
        {% for column in source_columns %}{% do keys.append(sql_name(column)) %}{% endfor %}
    {% elif event_mapping().get('dedupe_on') %}
        {% for expression in event_mapping().dedupe_on %}{% do keys.append(try_expression(expression)) %}{% endfor %}
    {% else %}
        {% do keys.append(given.event_id) %}
    {% endif %}
    {% do return(keys or ['1']) %}
{% endmacro %}

{#- True when equal lines are recognised by all their columns, which pins them to one day. -#}
{% macro event_key_is_whole_line() %}
    {% set mapping = event_mapping() %}
    {% do return(equal_lines_are_separate() or not (mapping.get('dedupe_on') or mapping.get('event_id'))) %}
{% endmacro %}

{% macro equal_lines_are_separate() %}
    {% do return(event_mapping().get('dedupe_on') == 'none') %}
{% endmacro %}

{#- The fast hash of an event's key, over raw_events. -#}
{% macro event_key_hash() -%}
    {%- set source_columns = source_column_names() -%}
    {{ fast_hash(event_key_expressions(mapped_expressions(source_columns), source_columns)) }}
{%- endmacro %}

{#-
    The event's id, over event_lines: the source's own, or the MD5 of what makes it the event it is. A line on which all
    of that is null is told by its whole: it is an event without an id, not the same as the next one.
-#}
{% macro event_id() -%}
    {%- if event_key_is_whole_line() -%}
    {{ whole_line_digest() }}
    {%- else -%}
    {%- set keys = [] -%}
    {%- for _ in event_mapping().get('dedupe_on') or ['event_id'] -%}
        {%- do keys.append('cast(event_key_' ~ loop.index ~ ' as ' ~ dbt.type_string() ~ ')') -%}
    {%- endfor -%}
    coalesce(source_event_id, case
        when {{ keys | join(' is null and ') }} is null then {{ whole_line_digest() }}
        else md5(concat_ws(chr(31){% for key in keys %}, coalesce({{ key }}, chr(30)){% endfor %}))
    end)
    {%- endif -%}
{%- endmacro %}

{#-
    MD5 of name=value of the columns that are not null, so that a column added later changes no id of earlier lines, nor
    does a header that is spelt in other letters. All in one concat: gluing each name to its value first
    takes half as long again.
-#}
{% macro whole_line_digest() -%}
    md5(concat(
        {%- for column in source_column_names() -%}
        {%- set name = sql_name('source.' ~ column) -%}
        case when {{ name }} is not null then chr(31) || {{ sql_text((column | lower) ~ '=') }} else '' end,
        coalesce(cast({{ name }} as {{ dbt.type_string() }}), ''),
        {%- endfor -%}
        ''
    ))
{%- endmacro %}

{#- The total order by which one of several lines of the same event is kept: by content, never by arrival. -#}
{% macro event_order() -%}
    event_time, event_type, user_id, session_id nulls last, product_id nulls last, category nulls last,
    brand nulls last, price nulls last, quantity
{%- endmacro %}
