{#-
    Select of valid, distinct events: the columns of silver.events, and row_id and load_id of the line that tells of each. Lines
    of a load that left_out_lines has not looked at yet are no events.

    only: a condition on the rows that narrows them.
-#}
{% macro events(only=none) %}
    {#- never null, which Spark has to know: else it hands all that is left out to every task, however much that is -#}
    {%- set numbered = "coalesce({0}, -1)" if target.type == 'spark' else "{0}" %}
    select
        {%- if equal_lines_are_separate() %}
        -- equal rows are told apart by counting them; they are of one user and day
        {{ own_id() }} || '-' || cast(
            row_number() over (partition by user_id, event_date, {{ own_id() }} order by row_id) as {{ dbt.type_string() }}
        ) as event_id,
        {%- else %}
        {{ own_id() }} as event_id,
        {%- endif %}
        event_time,
        event_date,
        event_type,
        user_id,
        session_id,
        product_id,
        category,
        brand,
        price,
        coalesce(quantity, 1) as quantity,
        currency,
        row_id,
        load_id
    from (
        {{ dated_lines(
            only=numbered.format(row_id()) ~ " not in (select " ~ numbered.format('row_id') ~ " from " ~ ref('left_out_lines') ~ ")"
                ~ " and load_id <= (select load_id from (" ~ state_of('left_out_lines') ~ ") as state)"
                ~ (" and " ~ only if only else "")
        ) }}
    ) as dated_lines
{% endmacro %}

{#- Select of valid event_lines with the event's id, but for a number that tells equal lines apart (own_id), and its day. -#}
{% macro dated_lines(only) %}
    {{- return(adapter.dispatch('dated_lines')(only)) -}}
{% endmacro %}

{% macro duckdb__dated_lines(only) %}
    select
        *,
        {{ compiled_mapping().event_id }} as own_id,
        {{ day_of_event() }} as event_date
    from (
        {{ event_lines(only=only, are_valid=true) }}
    ) as event_lines
{% endmacro %}

{% macro spark__dated_lines(only) %}
    {{ event_lines(only=only, are_valid=true) }}
{% endmacro %}

{#- The day of the shop that an event is of, over event_lines, in DuckDB's SQL. -#}
{% macro day_of_event() %}
    {#- whose days they are: an IANA name -#}
    {%- set zone = compiled_mapping().time_zone or 'UTC' if event_mapping().get('time_zone') else 'UTC' %}
    {%- set local_time = "timezone(" ~ duckdb__sql_text(zone) ~ ", timezone('UTC', event_time))" if zone != 'UTC' else 'event_time' %}
    {%- do return("cast(" ~ local_time ~ " as date)") %}
{% endmacro %}
