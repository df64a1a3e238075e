{#- True when equal rows are recognised by all their columns, which pins them to one day. -#}
{% macro event_key_is_whole_line() %}
    {% set mapping = event_mapping() %}
    {% do return(equal_lines_are_separate() or not (mapping.get('dedupe_on') or mapping.get('event_id'))) %}
{% endmacro %}

{#-
    Condition on event_lines: equal to a valid line among the new ones is only what was at the same time, which spares
    reading the other columns of other days. Literals, since the planner looks for files and rows by nothing else.
-#}
{% macro times_of_new_lines(is_new) %}
    {%- set broken = contract_violations() %}
    {%- set span = run_query(
        "select cast(min(event_time) as varchar), cast(max(event_time) as varchar) from (" ~ event_lines(only=is_new)
        ~ ") as new_lines left join (" ~ latest_files() ~ ") as latest_files on new_lines.source_file = latest_files.source_file"
        ~ " where not (" ~ broken.implausible_event_time ~ " or " ~ broken.future_event_time ~ ")").rows[0] %}
    {%- do return("event_time between timestamp '" ~ span[0] ~ "' and timestamp '" ~ span[1] ~ "'" if span[0] else 'false') %}
{% endmacro %}

{% macro equal_lines_are_separate() %}
    {% do return(event_mapping().get('dedupe_on') == 'none') %}
{% endmacro %}

{#- The fast hash of an event's key, over the mapping's rows. -#}
{% macro event_key_hash() -%}
    {{ fast_hash(compiled_mapping().event_key) }}
{%- endmacro %}

{#- The event's id, over event_lines: the source's own, or the MD5 of what makes it the event it is. -#}
{% macro event_id() -%}
    {{ compiled_mapping().event_id }}
{%- endmacro %}

{#- Expressions over event_lines that are equal for rows of the same event, and for no others. -#}
{% macro same_event() -%}
    {{ compiled_mapping().same_event | join(', ') }}
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
    brand nulls last, price nulls last, quantity, currency nulls last, row_id
{%- endmacro %}

{#- The columns of silver.events. -#}
{% macro event_columns() -%}
    event_id, event_time, event_date, event_type, user_id, session_id, product_id, category, brand, price, quantity, currency
{%- endmacro %}
