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
    Conditions that split events by date into chunks of about vars.events_per_chunk, or [none] for the whole; put together in
    the same way.
-#}
{% macro chunks_of_days(events) %}
    {{ return(adapter.dispatch('chunks_of_days')(events)) }}
{% endmacro %}

{% macro default__chunks_of_days(events) %}
    {% do return([none]) %}
{% endmacro %}

{% macro duckdb__chunks_of_days(events) %}
    {% set chunks = [] %}
    {% if can_be_read(events) %}
        {% for first, last in run_query(
            "select min(event_date), max(event_date) from (select event_date, floor((sum(count(*)) over (order by event_date) - 1) / "
            ~ var('events_per_chunk') ~ ") as chunk from " ~ events ~ " group by event_date) as days group by chunk order by chunk").rows %}
            {% do chunks.append(between_days(first, last)) %}
        {% endfor %}
    {% endif %}
    {% do return(chunks if chunks | length > 1 else [none]) %}
{% endmacro %}
