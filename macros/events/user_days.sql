{#-
    One row per user and day: what the user did on it. Counts and sums by event type.

    events  relation or CTE of events
    part    a condition that takes some of their days, or none for all
-#}
{% macro user_days(events, part=none) %}
select
    event_counts.*,
    coalesce(money.purchased_products, 0) as purchased_products,
    coalesce(money.purchased_quantity, cast(0 as decimal(18, 3))) as purchased_quantity,
    coalesce(money.revenue, cast(0 as decimal(18, 4))) as revenue,
    coalesce(money.refunded, cast(0 as decimal(18, 4))) as refunded
from (
    -- telling hashes apart takes a third less time than telling texts apart
    select
        user_id,
        event_date,
        count(*) as events,
        count(distinct case when session_id is not null then {{ fast_hash(['session_id']) }} end) as sessions,
        count(case when event_type = 'view' then 1 end) as views,
        count(case when event_type = 'cart' then 1 end) as carts,
        count(case when event_type = 'remove_from_cart' then 1 end) as removals,
        count(case when event_type = 'purchase' then 1 end) as purchases,
        count(case when event_type = 'refund' then 1 end) as refunds,
        count(distinct case when product_id is not null then {{ fast_hash(['product_id']) }} end) as products
    from {{ events }}
    {{ "where " ~ part if part }}
    group by user_id, event_date
) as event_counts
left join (
    -- few events are bought or sent back: exact money and telling their products apart cost little on their own
    select
        user_id,
        event_date,
        count(distinct case when event_type = 'purchase' then product_id end) as purchased_products,
        cast(sum(case when event_type = 'purchase' then quantity end) as decimal(18, 3)) as purchased_quantity,
        cast(sum(case when event_type = 'purchase' then price * quantity end) as decimal(18, 4)) as revenue,
        cast(sum(case when event_type = 'refund' then price * quantity end) as decimal(18, 4)) as refunded
    from {{ events }}
    where
        event_type in ('purchase', 'refund')
        {{ "and " ~ part if part }}
    group by user_id, event_date
) as money
    on event_counts.user_id = money.user_id and event_counts.event_date = money.event_date
{% endmacro %}

{#-
    Whether user days are made anew at each load: an event told by a key may move to another day when another version of it
    arrives, `rows` that see all lines may change any event, and another currency may change what money adds up to.
-#}
{% macro user_days_start_over() %}
    {% do return(not event_key_is_whole_line() or not rows_are_by_line() or event_mapping().get('currency') is not none) %}
{% endmacro %}
