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
    {% if name is not string or name not in mappings %}
        {% do stop("unknown event mapping '" ~ name ~ "'. vars.event_mappings has: "
            ~ mappings.keys() | sort | join(', ') ~ ". Set vars.event_mapping to one of them, or add '" ~ name
            ~ "' to vars.event_mappings.") %}
    {% endif %}
    {% set chosen = mappings[name] %}
    {% set whose = "event mapping '" ~ name ~ "'" %}
    {% if chosen is not mapping %}
        {% do stop(whose ~ " must give a SQL expression per contract column, found: " ~ chosen ~ ".") %}
    {% endif %}
    {% for column, expression in chosen.items() if column != 'dedupe_on' %}
        {% if column not in contract_columns() %}
            {% do stop(whose ~ " has an unknown column '" ~ column ~ "'. Expected some of: "
                ~ contract_columns() | join(', ') ~ ", dedupe_on.") %}
        {% elif expression is mapping or (expression is sequence and expression is not string) %}
            {% do stop(whose ~ " must give one SQL expression for '" ~ column ~ "', found: " ~ expression ~ ".") %}
        {% endif %}
    {% endfor %}
    {% for column in required_contract_columns() if not chosen.get(column) %}
        {% do stop(whose ~ " lacks the required column '" ~ column
            ~ "'. Give a SQL expression over the source's columns for each of: "
            ~ required_contract_columns() | join(', ') ~ ".") %}
    {% endfor %}
    {% set dedupe_on = chosen.get('dedupe_on') %}
    {% if dedupe_on is not none %}
        {% if dedupe_on != 'none' and (dedupe_on is string or dedupe_on is not sequence or not dedupe_on) %}
            {% do stop(whose ~ ": dedupe_on must be a list of SQL expressions, or the word none; found: " ~ dedupe_on
                ~ ". Leave it out where all columns together tell events apart.") %}
        {% elif chosen.get('event_id') and dedupe_on != [chosen.event_id] %}
            {% do stop(whose ~ " gives an event_id and another dedupe_on, and both say which lines are the same event."
                ~ " Leave one of them out.") %}
        {% endif %}
    {% endif %}
    {% do return(chosen) %}
{% endmacro %}
