{#- vars.as_of as 'YYYY-MM-DD', or none when it is left to the data. -#}
{% macro given_as_of() %}
    {% do return(none if var('as_of') is none else var('as_of') | string | trim) %}
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
