{#-
    Lines of the pending loads that keep the contract, as events. repeated: only those whose key may occur
    more than once among them (true) or the others (false); it reads the CTE repeated_keys.
-#}
{% macro new_event_lines(repeated) %}
    select
        line_digest,
        event_id,
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
            only=('' if repeated else 'not ') ~ 'exists (select 1 from repeated_keys where repeated_keys.key_hash = '
                ~ event_key_hash() ~ ')'
        ) }}
    ) as mapped_lines
    where {{ keeps_contract() }}
{% endmacro %}
