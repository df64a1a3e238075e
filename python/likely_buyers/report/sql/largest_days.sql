-- One row per purchase day of the last $horizon_days before as_of that weighs much: more than 5 % of the revenue, or more than
-- 1 % and 100 times the median. The first five.
with purchase_days as (
    select
        user_id,
        event_date,
        revenue
    from silver.user_days
    where
        revenue > 0
        and event_date < cast($as_of_date as date)
        and event_date >= cast($as_of_date as date) - cast($horizon_days as integer)
),

shop as (
    select
        sum(revenue) as revenue,
        median(revenue) as median_revenue
    from purchase_days
)

select
    purchase_days.user_id,
    purchase_days.event_date,
    purchase_days.revenue,
    cast(purchase_days.revenue as double) / cast(shop.revenue as double) as share
from purchase_days
cross join shop
where
    purchase_days.revenue > 0.05 * shop.revenue
    or (purchase_days.revenue > 0.01 * shop.revenue and purchase_days.revenue > 100 * shop.median_revenue)
order by purchase_days.revenue desc, purchase_days.user_id, purchase_days.event_date
limit 5
