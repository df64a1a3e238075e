{#-
    The columns of the event contract that a mapping can give, in the order of silver.events.
    event_date is derived from event_time.
-#}
{% macro contract_columns() %}
    {% do return([
        'event_id', 'event_time', 'event_type', 'user_id', 'session_id', 'product_id', 'category', 'brand', 'price',
        'quantity',
    ]) %}
{% endmacro %}

{% macro required_contract_columns() %}
    {% do return(['event_time', 'event_type', 'user_id']) %}
{% endmacro %}

{% macro event_kinds() %}
    {% do return(['view', 'cart', 'remove_from_cart', 'purchase', 'refund']) %}
{% endmacro %}

{#- The event mapping that `vars.event_mapping` picks, checked: {contract column: SQL expression, dedupe_on: ...}. -#}
{% macro event_mapping() %}
    {% set mappings = var('event_mappings') %}
    {% set name = var('event_mapping') %}
    {% if mappings is not mapping or not mappings %}
        {% do stop("vars.event_mappings must be a dictionary of event mappings, found: " ~ mappings
            ~ ". See 'Your own events' in README.md.") %}
    {% endif %}
    {% if name not in mappings %}
        {% do stop("unknown event mapping '" ~ name ~ "'. vars.event_mappings has: "
            ~ mappings.keys() | sort | join(', ') ~ ". Set vars.event_mapping to one of them, or add '" ~ name
            ~ "' to vars.event_mappings.") %}
    {% endif %}
    {% set chosen = mappings[name] %}
    {% if chosen is not mapping %}
        {% do stop("event mapping '" ~ name ~ "' must give a SQL expression per contract column, found: " ~ chosen) %}
    {% endif %}
    {% for column in required_contract_columns() if not chosen.get(column) %}
        {% do stop("event mapping '" ~ name ~ "' lacks the required column '" ~ column
            ~ "'. Give a SQL expression over the source's columns for each of: "
            ~ required_contract_columns() | join(', ') ~ ".") %}
    {% endfor %}
    {% for column in chosen if column not in contract_columns() + ['dedupe_on'] %}
        {% do stop("event mapping '" ~ name ~ "' has an unknown column '" ~ column ~ "'. Expected some of: "
            ~ contract_columns() | join(', ') ~ ", dedupe_on.") %}
    {% endfor %}
    {% set dedupe_on = chosen.get('dedupe_on') %}
    {% if dedupe_on is not none and dedupe_on != 'none' and (dedupe_on is string or dedupe_on is not sequence) %}
        {% do stop("event mapping '" ~ name ~ "': dedupe_on must be a list of SQL expressions, or none; found: "
            ~ dedupe_on) %}
    {% endif %}
    {% do return(chosen) %}
{% endmacro %}
