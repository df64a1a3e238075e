{#-
    Conditions that split a relation by its user_id into parts of about vars.users_of_a_part users, or [none] for the
    whole. What groups by user is put together of them with `union all`: DuckDB makes one after the other, so that a
    hundred sums of each of a part's users, not of all, have to fit into memory.
-#}
{% macro parts_by_user(relation) %}
    {{ return(adapter.dispatch('parts_by_user')(relation)) }}
{% endmacro %}

{#- An engine that shuffles to disk splits by itself. -#}
{% macro default__parts_by_user(relation) %}
    {% do return([none]) %}
{% endmacro %}

{% macro duckdb__parts_by_user(relation) %}
    {% if not can_be_read(relation) %}
        {% do return([none]) %}
    {% endif %}
    {% set users = run_query("select approx_count_distinct(user_id) from " ~ relation).columns[0].values()[0] %}
    {% set count = (users / var('users_of_a_part')) | round(0, 'ceil') | int %}
    {% set parts = [] %}
    {% for part in range(count) if count > 1 %}
        {% do parts.append(fast_hash(['user_id']) ~ ' % ' ~ count ~ ' = ' ~ part) %}
    {% endfor %}
    {% do return(parts or [none]) %}
{% endmacro %}
