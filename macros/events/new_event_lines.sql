{#-
    Rows that keep the contract, as events, with what a choice between versions goes by.

    loads: select of load ids.
    only: a condition on the rows.
    with_left_out: also rows that are left out on purpose; left_out says by which name.
-#}
{% macro new_event_lines(loads, only, with_left_out=false) %}
    select
        {{ event_id() }} as event_id,
        event_time,
        {{ event_day('event_time') }} as event_date,
        event_type,
        user_id,
        session_id,
        product_id,
        category,
        brand,
        price,
        coalesce(quantity, 1) as quantity,
        currency,
        left_out,
        file_modified_at,
        load_id,
        source_file
    from (
        {{ event_lines(loads, only=only) }}
    ) as mapped_lines
    where {{ "left_out is not null or (" ~ keeps_contract() ~ ")" if with_left_out else "left_out is null and " ~ keeps_contract() }}
{% endmacro %}
