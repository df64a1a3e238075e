{#-
    The columns of the event contract that a mapping can give, in the order of silver.events.
    event_date is derived from event_time.
-#}
{% macro contract_columns() %}
    {% do return([
        'event_id', 'event_time', 'event_type', 'user_id', 'session_id', 'product_id', 'category', 'brand', 'price',
        'quantity', 'currency',
    ]) %}
{% endmacro %}

{% macro required_contract_columns() %}
    {% do return(['event_time', 'event_type', 'user_id']) %}
{% endmacro %}

{% macro event_kinds() %}
    {% do return(['view', 'cart', 'remove_from_cart', 'purchase', 'refund']) %}
{% endmacro %}

{#- Keys of a mapping beside the contract's columns; how files are read is checked where they are (sources/reading.py). -#}
{% macro mapping_keys() %}
    {% do return([
        'format', 'files', 'sources', 'delimiter', 'quote', 'escape', 'encoding', 'skip_lines', 'header', 'columns', 'decimal',
        'nulls', 'time_zone', 'rows', 'leave_out', 'dedupe_on', 'keep',
    ]) %}
{% endmacro %}

{#- The event mapping that `vars.event_mapping` picks, checked: {contract column: SQL expression, dedupe_on: ...}. -#}
{% macro event_mapping() %}
    {% set mappings = var('event_mappings') %}
    {% set name = var('event_mapping') %}
    {% if mappings is not mapping or not mappings %}
        {% do stop("vars.event_mappings must be a dictionary of event mappings, found: " ~ mappings
            ~ ". See docs/map_events.md.") %}
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
    {% for column, expression in chosen.items() if column not in mapping_keys() %}
        {% if column not in contract_columns() %}
            {% do stop(whose ~ " has an unknown column '" ~ column ~ "'. Expected some of: "
                ~ (contract_columns() + mapping_keys()) | join(', ') ~ ".") %}
        {% elif column == 'user_id' and expression is sequence and expression is not string and expression is not mapping %}
            {% if not expression or expression | reject('string') | list %}
                {% do stop(whose ~ ": user_id must be a SQL expression, or a list of them to fall back on; found: " ~ expression ~ ".") %}
            {% endif %}
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
    {% if chosen.get('keep') not in [none, 'first', 'last'] %}
        {% do stop(whose ~ ": keep must be first or last, which version of an event is kept; found: " ~ chosen.keep ~ ".") %}
    {% elif chosen.get('keep') and not (chosen.get('event_id') or dedupe_on) or chosen.get('keep') and dedupe_on == 'none' %}
        {% do stop(whose ~ " says which version of an event to keep (keep), and not what makes two rows versions of the same"
            ~ " event. Give dedupe_on, a list of SQL expressions.") %}
    {% endif %}
    {% set left_out = chosen.get('leave_out') %}
    {% if left_out is not none and (left_out is not mapping or left_out.values() | reject('string') | list) %}
        {% do stop(whose ~ ": leave_out must give a SQL condition for each name; found: " ~ left_out ~ ".") %}
    {% endif %}
    {% if chosen.get('rows') is not none and chosen.rows is not string %}
        {% do stop(whose ~ ": rows must be one SELECT over lines; found: " ~ chosen.rows ~ ".") %}
    {% elif chosen.get('sources') and not chosen.get('rows') %}
        {% do stop(whose ~ " has sources, and no rows that say how they are joined. Give rows: a SELECT over "
            ~ chosen.sources.keys() | join(', ') ~ ".") %}
    {% endif %}
    {% do return(chosen) %}
{% endmacro %}
