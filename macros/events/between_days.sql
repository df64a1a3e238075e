{#-
    Condition on a relation named events: of the days from one to another. Moments that no time zone goes beyond stand beside
    the days, which are computed: they spare reading the other columns of other days. Literals, since the planner skips rows
    by nothing else.
-#}
{% macro between_days(first, last) -%}
    events.event_date between date '{{ first }}' and date '{{ last }}'
    and events.event_time >= {{ dbt.dateadd('day', -1, "cast('" ~ first ~ "' as timestamp)") | trim }}
    and events.event_time < {{ dbt.dateadd('day', 2, "cast('" ~ last ~ "' as timestamp)") | trim }}
{%- endmacro %}

{#- The same of all days that some events are of, looked up while compiling. -#}
{% macro days_of(events) %}
    {% set days = run_query("select min(event_date), max(event_date) from " ~ events ~ " as events").rows[0] %}
    {% do return(between_days(days[0], days[1]) if days[0] else 'false') %}
{% endmacro %}
