{#-
    Conditions that split a relation by its user_id into chunks of about vars.users_per_chunk users, or [none] for the whole.
    What groups by user is put together of them with `union all`: DuckDB makes one after the other, so that a hundred sums of
    each of a chunk's users, not of all, have to fit into memory.
-#}
{% macro chunks_of_users(relation) %}
    {{ return(adapter.dispatch('chunks_of_users')(relation)) }}
{% endmacro %}

{#- An engine that shuffles to disk splits by itself. -#}
{% macro default__chunks_of_users(relation) %}
    {% do return([none]) %}
{% endmacro %}

{% macro duckdb__chunks_of_users(relation) %}
    {% set chunks = [] %}
    {% if can_be_read(relation) %}
        {% set users = looked_up("select approx_count_distinct(user_id) from " ~ relation) %}
        {% set count = (users / var('users_per_chunk')) | round(0, 'ceil') | int %}
        {% for chunk in range(count) %}{% do chunks.append(fast_hash(['user_id']) ~ ' % ' ~ count ~ ' = ' ~ chunk) %}{% endfor %}
    {% endif %}
    {% do return(chunks if chunks | length > 1 else [none]) %}
{% endmacro %}

{#-
    Events split by date into chunks of about vars.events_per_chunk: {days: a condition, or none for the whole, is_large:
    whether a chunk is much larger, being one day}. Each is to be grouped in a statement of its own: DuckDB keeps the groups
    of all branches of a `union all` until its end.
-#}
{% macro chunks_of_days(events) %}
    {{ return(adapter.dispatch('chunks_of_days')(events)) }}
{% endmacro %}

{% macro default__chunks_of_days(events) %}
    {% do return([{}]) %}
{% endmacro %}

{% macro duckdb__chunks_of_days(events) %}
    {% set size, chunks = var('events_per_chunk'), [] %}
    {% if are_many(source_rows()) %}
        {% for first, last, is_large in run_query(
            "select min(event_date), max(event_date), sum(day_events) > " ~ 2 * size ~ " from (select event_date, count(*) as"
            ~ " day_events, floor((sum(count(*)) over (order by event_date) - 1) / " ~ size ~ ") as chunk from " ~ events
            ~ " group by event_date) as days group by chunk order by chunk").rows %}
            {% do chunks.append({'days': between_days(first, last), 'is_large': is_large}) %}
        {% endfor %}
    {% endif %}
    {% do return(chunks or [{}]) %}
{% endmacro %}

{#- Whether more rows than are grouped at once meet a condition. -#}
{% macro are_many(relation, condition='true') %}
    {% do return(can_be_read(relation)
        and looked_up("select count(*) > " ~ var('events_per_chunk') ~ " from " ~ relation ~ " where " ~ condition)) %}
{% endmacro %}
