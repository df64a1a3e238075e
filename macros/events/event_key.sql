{#-
    What makes two rows the same event, as expressions over them. The mapping's dedupe_on: a list of
    expressions; left out, the event id when the mapping gives one, else all columns of the row; `none`: equal
    rows are separate events.
-#}
{% macro event_key_expressions(given, row_columns) %}
    {% set keys = [] %}
    {% if event_key_is_whole_line() %}
        {% for column in row_columns %}{% do keys.append(sql_name(column.name)) %}{% endfor %}
    {% elif event_mapping().get('dedupe_on') %}
        {% for expression in event_mapping().dedupe_on %}
            {% do keys.append(try_expression(with_time_zone(expression | string)) | trim) %}
        {% endfor %}
    {% else %}
        {% do keys.append(given.event_id.value) %}
    {% endif %}
    {% do return(keys or ['1']) %}
{% endmacro %}

{#- True when equal rows are recognised by all their columns, which pins them to one day. -#}
{% macro event_key_is_whole_line() %}
    {% set mapping = event_mapping() %}
    {% do return(equal_lines_are_separate() or not (mapping.get('dedupe_on') or mapping.get('event_id'))) %}
{% endmacro %}

{% macro equal_lines_are_separate() %}
    {% do return(event_mapping().get('dedupe_on') == 'none') %}
{% endmacro %}

{#- The fast hash of an event's key, over the mapping's rows. -#}
{% macro event_key_hash() -%}
    {%- set row_columns = mapped_row_columns() -%}
    {{ fast_hash(event_key_expressions(mapped_expressions(row_columns), row_columns)) }}
{%- endmacro %}

{#-
    The event's id, over event_lines: the source's own, or the MD5 of what makes it the event it is. A row whose key is
    null in part is told by its whole: it is an event without a key, not the same as the next one.
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
        when {{ keys | join(' is null or ') }} is null then {{ whole_line_digest() }}
        else md5(concat_ws(chr(31){% for key in keys %}, {{ key }}{% endfor %}))
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
        {%- for column in mapped_row_columns() -%}
        {%- set name = sql_name('source.' ~ column.name) -%}
        case when {{ name }} is not null then chr(31) || {{ sql_text((column.name | lower) ~ '=') }} else '' end,
        coalesce(cast({{ name }} as {{ dbt.type_string() }}), ''),
        {%- endfor -%}
        ''
    ))
{%- endmacro %}

{#-
    The total order by which one of several versions of the same event is kept. keep: first is the oldest event, of equally
    old ones the version loaded first; last is the version loaded last. Loads are told by their files' time of change and
    name, so that a full refresh keeps what increments kept. What is equal so far goes by content.
-#}
{% macro event_order() -%}
    {%- set loaded = [] if event_key_is_whole_line() else ['file_modified_at', 'load_id', 'source_file'] -%}
    {%- set leading = loaded + ['event_time'] if event_mapping().get('keep') == 'last' else ['event_time'] + loaded -%}
    {%- for column in leading -%}
    {{ column }}{{ ' desc' if event_mapping().get('keep') == 'last' }} nulls last, {% endfor -%}
    event_type, user_id, session_id nulls last, product_id nulls last, category nulls last,
    brand nulls last, price nulls last, quantity, currency nulls last
{%- endmacro %}

{#- The columns of silver.events, but for line_count. -#}
{% macro event_columns() -%}
    event_id, event_time, event_date, event_type, user_id, session_id, product_id, category, brand, price, quantity, currency
{%- endmacro %}
