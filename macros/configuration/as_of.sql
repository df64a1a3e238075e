{#- The moment scores speak from, as a SQL expression: the given date, or the day after the last event day. -#}
{% macro as_of_date(user_days) %}
    {%- if var('as_of') is not none -%}
        cast('{{ var('as_of') | string | trim }}' as date)
    {%- else -%}
        (select cast({{ dbt.dateadd('day', 1, 'max(event_date)') }} as date) from {{ user_days }})
    {%- endif -%}
{% endmacro %}

{#-
    Stops when nothing lies before as_of: there would be nobody to score, and the table would be empty in silence. And when
    there are fewer days before it than needed. Warns when as_of lies further after the last event than the scores look ahead.
-#}
{% macro check_as_of(user_days, needed_days=0) %}
    {% if can_be_read(user_days) %}
        {% set as_of = as_of_date(user_days) if var('as_of') is not none else 'cast(' ~ dbt.dateadd('day', 1, 'max(event_date)') ~ ' as date)' %}
        {% call tell() %}
            select
                *,
                case
                    when first_day is null then case when lines > 0 then 'nothing_to_score' else 'no_lines' end
                    when as_of <= first_day then 'as_of_too_early'
                    when days < needed_days then 'short_history'
                    when days_after > horizon_days + 1 then 'as_of_too_late'
                end as what
            from (
                select
                    min(event_date) as first_day,
                    max(event_date) as last_day,
                    {{ as_of }} as as_of,
                    {{ dbt.datediff('min(event_date)', as_of, 'day') }} as days,
                    {{ dbt.datediff('max(event_date)', as_of, 'day') }} as days_after,
                    {{ needed_days }} as needed_days,
                    {{ outcomes() | map(attribute='horizon_days') | min }} as horizon_days,
                    '{{ (outcomes() | sort(attribute='horizon_days') | first).name }}' as outcome,
                    {{ sql_text('events_relation' if var('events_relation', none) else "'" ~ events_path() ~ "'") }} as source,
                    {{ sql_text(var('event_mapping')) }} as event_mapping,
                    (select sum(line_count) from {{ log_table('file_register') }}) as lines
                from {{ user_days }}
            ) as known_days
        {% endcall %}
    {% endif %}
{% endmacro %}
