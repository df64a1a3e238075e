{#- True when equal rows are recognised by all their columns, which pins them to one day. -#}
{% macro event_key_is_whole_line() %}
    {% set mapping = event_mapping() %}
    {% do return(equal_lines_are_separate() or not (mapping.get('dedupe_on') or mapping.get('event_id'))) %}
{% endmacro %}

{% macro equal_lines_are_separate() %}
    {% do return(event_mapping().get('dedupe_on') == 'none') %}
{% endmacro %}

{#- The columns of silver.events. -#}
{% macro event_columns() -%}
    event_id, event_time, event_date, event_type, user_id, session_id, product_id, category, brand, price, quantity, currency
{%- endmacro %}
