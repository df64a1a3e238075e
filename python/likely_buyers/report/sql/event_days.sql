-- One row per day of the last $days before as_of, also those without events.
with days as (
    select cast(unnest(generate_series(
        cast($as_of_date as date) - cast($days as integer), cast($as_of_date as date) - 1, interval 1 day
    )) as date) as event_date
),

user_days as (
    select
        event_date,
        sum(events) as events,
        sum(purchases) as purchases
    from silver.user_days
    group by event_date
)

select
    days.event_date,
    coalesce(user_days.events, 0) as events,
    coalesce(user_days.purchases, 0) as purchases
from days
left join user_days on days.event_date = user_days.event_date
where days.event_date >= (select min(event_date) from user_days)
order by days.event_date
