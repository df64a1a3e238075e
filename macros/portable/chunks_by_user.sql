{#-
    Conditions that split a relation by its user_id into chunks of about vars.users_per_chunk users, or [none] for the
    whole. What groups by user is put together of them with `union all`: DuckDB makes one after the other, so that a
    hundred sums of each of a chunk's users, not of all, have to fit into memory.
-#}
{% macro chunks_by_user(relation) %}
    {{ return(adapter.dispatch('chunks_by_user')(relation)) }}
{% endmacro %}

{#- An engine that shuffles to disk splits by itself. -#}
{% macro default__chunks_by_user(relation) %}
    {% do return([none]) %}
{% endmacro %}

{% macro duckdb__chunks_by_user(relation) %}
    {% if not can_be_read(relation) %}
        {% do return([none]) %}
    {% endif %}
    {% set users = run_query("select approx_count_distinct(user_id) from " ~ relation).columns[0].values()[0] %}
    {% set count = (users / var('users_per_chunk')) | round(0, 'ceil') | int %}
    {% set chunks = [] %}
    {% for chunk in range(count) if count > 1 %}
        {% do chunks.append(fast_hash(['user_id']) ~ ' % ' ~ count ~ ' = ' ~ chunk) %}
    {% endfor %}
    {% do return(chunks or [none]) %}
{% endmacro %}
