{#-
    Conditions that split a relation by its event_date into chunks of about vars.events_per_chunk rows, or [none] for the
    whole. A model that groups by user and day is put together of them with `union all`: DuckDB makes one after the
    other, so that the groups of a chunk, not those of years, have to fit into memory. Where all would fit, it is
    faster by a third.
-#}
{% macro chunks_by_date(relation) %}
    {{ return(adapter.dispatch('chunks_by_date')(relation)) }}
{% endmacro %}

{#- An engine that shuffles to disk splits by itself. -#}
{% macro default__chunks_by_date(relation) %}
    {% do return([none]) %}
{% endmacro %}

{% macro duckdb__chunks_by_date(relation) %}
    {% if not can_be_read(relation) %}
        {% do return([none]) %}
    {% endif %}
    {% set days = run_query(
        "select event_date, floor((sum(count(*)) over (order by event_date) - 1) / " ~ var('events_per_chunk') ~ ") from "
        ~ relation ~ " group by event_date order by event_date").rows %}
    {% set first_days = {} %}
    {% for day in days %}
        {% do first_days.setdefault(day[1], day[0]) %}
    {% endfor %}
    {% set starts = first_days.values() | list %}
    {% set chunks = [] %}
    {% for start in starts %}
        {% set bounds = [] %}
        {% if not loop.first %}{% do bounds.append("event_date >= date '" ~ start ~ "'") %}{% endif %}
        {% if not loop.last %}{% do bounds.append("event_date < date '" ~ starts[loop.index] ~ "'") %}{% endif %}
        {% do chunks.append(bounds | join(' and ') or none) %}
    {% endfor %}
    {% do return(chunks or [none]) %}
{% endmacro %}
