{#-
    Whether so many rows of a relation meet a condition that they are not grouped at once (vars.events_per_chunk). An engine
    that shuffles to disk splits by itself.
-#}
{% macro is_grouped_in_chunks(relation, condition='true') %}
    {% do return(adapter.dispatch('is_grouped_in_chunks')(relation, condition)) %}
{% endmacro %}

{% macro default__is_grouped_in_chunks(relation, condition) %}
    {% do return(false) %}
{% endmacro %}

{% macro duckdb__is_grouped_in_chunks(relation, condition) %}
    {% do return(can_be_read(relation) and run_query("select count(*) > " ~ var('events_per_chunk') ~ " from " ~ relation
        ~ " where " ~ condition).columns[0].values()[0]) %}
{% endmacro %}

{#-
    Conditions that split a relation by its event_date into chunks of about vars.events_per_chunk rows, each with whether it
    is much larger, being one day. A chunk is grouped in a statement of its own: DuckDB keeps the groups of all branches of a
    `union all` until its end.
-#}
{% macro chunks_by_date(relation) %}
    {% set size = var('events_per_chunk') %}
    {% set rows = run_query(
        "select min(event_date), max(event_date), sum(day_rows) > " ~ 2 * size ~ " from (select event_date, count(*) as day_rows,"
        ~ " floor((sum(count(*)) over (order by event_date) - 1) / " ~ size ~ ") as chunk from " ~ relation
        ~ " group by event_date) as days group by chunk order by chunk").rows %}
    {% set chunks = [] %}
    {% for first, last, is_large in rows %}
        {% do chunks.append({'condition': between_days(first, last), 'is_large': is_large}) %}
    {% endfor %}
    {% do return(chunks) %}
{% endmacro %}
