-- The kinds of events of a user day add up to its events, and nobody buys more products than they touched.
select
    user_id,
    event_date
from {{ ref('user_days') }}
where
    events <> views + carts + removals + purchases + refunds
    or purchased_products > products
    or purchased_products > purchases
