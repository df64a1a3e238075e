{#-
    Conditions that split a relation, or [none] for the whole: events by event_date into chunks of about
    vars.events_per_chunk, or by user_id into chunks of about vars.users_per_chunk users. What groups by that column is put
    together of them with `union all`: DuckDB makes one after the other, so that the groups of a chunk, not those of years, or
    a hundred sums of each of its users, have to fit into memory.
-#}
{% macro chunks(relation, column) %}
    {{ return(adapter.dispatch('chunks')(relation, column)) }}
{% endmacro %}

{#- An engine that shuffles to disk splits by itself. -#}
{% macro default__chunks(relation, column) %}
    {% do return([none]) %}
{% endmacro %}

{% macro duckdb__chunks(relation, column) %}
    {% set chunks = [] %}
    {% if can_be_read(relation) and column == 'event_date' %}
        {% for first, last in run_query(
            "select min(event_date), max(event_date) from (select event_date, floor((sum(count(*)) over (order by event_date) - 1) / "
            ~ var('events_per_chunk') ~ ") as chunk from " ~ relation ~ " group by event_date) as days group by chunk order by chunk").rows %}
            {% do chunks.append(between_days(first, last)) %}
        {% endfor %}
    {% elif can_be_read(relation) %}
        {% set users = looked_up("select approx_count_distinct(user_id) from " ~ relation) %}
        {% set count = (users / var('users_per_chunk')) | round(0, 'ceil') | int %}
        {% for chunk in range(count) %}{% do chunks.append(fast_hash(['user_id']) ~ ' % ' ~ count ~ ' = ' ~ chunk) %}{% endfor %}
    {% endif %}
    {% do return(chunks if chunks | length > 1 else [none]) %}
{% endmacro %}
