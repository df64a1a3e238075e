{#-
    Lines of the pending loads that keep the contract, as events. repeated: only those whose key may occur more
    than once among them (true), or the others (false); it reads the CTE repeated_keys.
-#}
{% macro new_event_lines(repeated) %}
    select
        {{ event_id() }} as event_id,
        event_time,
        cast(event_time as date) as event_date,
        event_type,
        user_id,
        session_id,
        product_id,
        category,
        brand,
        price,
        coalesce(quantity, 1) as quantity
    from (
        {{ event_lines(
            pending_loads('raw_events'),
            only=event_key_hash() ~ (' in' if repeated else ' not in') ~ ' (select key_hash from repeated_keys)'
        ) }}
    ) as mapped_lines
    where {{ keeps_contract() }}
{% endmacro %}
