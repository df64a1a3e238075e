{#- vars.as_of as 'YYYY-MM-DD', or none when it is left to the data. -#}
{% macro given_as_of() %}
    {% set as_of = var('as_of') %}
    {% if as_of is none %}
        {% do return(none) %}
    {% endif %}
    {% do return(checked_date('vars.as_of', as_of)) %}
{% endmacro %}

{#- A date given by a user as 'YYYY-MM-DD'; stops at anything else. -#}
{% macro checked_date(name, value) %}
    {% set text = value | string | trim %}
    {% if not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', text) %}
        {% do stop(name ~ " must be a date as YYYY-MM-DD (UTC midnight), found: " ~ value ~ ".") %}
    {% endif %}
    {% set year, month, day = text[0:4] | int, text[5:7] | int, text[8:10] | int %}
    {% set month_days = [31, 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28,
        31, 30, 31, 30, 31, 31, 30, 31, 30, 31] %}
    {% if month < 1 or month > 12 or day < 1 or day > month_days[month - 1] %}
        {% do stop(name ~ " is no date of the calendar: " ~ value ~ ".") %}
    {% endif %}
    {% do return(text) %}
{% endmacro %}

{#- The moment scores speak from, as a SQL expression: the given date, or the day after the last event day. -#}
{% macro as_of_date(user_days) %}
    {%- set as_of = given_as_of() -%}
    {%- if as_of is not none -%}
        cast('{{ as_of }}' as date)
    {%- else -%}
        (select cast({{ dbt.dateadd('day', 1, 'max(event_date)') }} as date) from {{ user_days }})
    {%- endif -%}
{% endmacro %}

{#-
    Stops when nothing lies before as_of: there would be nobody to score, and the table would be empty in silence.
    Warns when as_of lies further after the last event than the scores look ahead.
-#}
{% macro check_as_of(user_days) %}
    {% if can_be_read(user_days) %}
        {% set as_of = given_as_of() %}
        {% set days_after = dbt.datediff('max(event_date)', "cast('" ~ as_of ~ "' as date)", 'day') if as_of else 0 %}
        {% set row = run_query("select min(event_date), max(event_date), " ~ days_after ~ " from " ~ user_days).rows[0] %}
        {% set first_day, last_day = row[0], row[1] %}
        {% if first_day is none %}
            {% do stop("silver.events is empty: no line of '" ~ events_path()
                ~ "' became an event. silver.quarantined_events and bronze.rejected_lines give the reason per line;"
                ~ " is vars.event_mapping ('" ~ var('event_mapping') ~ "') the right one?") %}
        {% elif as_of is not none and as_of <= first_day | string %}
            {% do stop("as_of " ~ as_of ~ " is not after the first event day (" ~ first_day
                ~ "): nobody is known by then. Give a later date: --vars '{as_of: YYYY-MM-DD}'.") %}
        {% elif row[2] | int > var('horizon_days') + 1 %}
            {% do exceptions.warn("likely_buyers: as_of " ~ as_of ~ " is " ~ "{:,}".format(row[2] | int)
                ~ " days after the last event day (" ~ last_day ~ "), more than horizon_days (" ~ var('horizon_days')
                ~ "): to the scores nobody has done anything since. Load the events of the days between, or leave as_of"
                ~ " out, for the day after the last event day.") %}
        {% endif %}
    {% endif %}
{% endmacro %}
