-- A user has one row a day. The newest week of days with events is looked at: what increments write, mostly.
with newest_days as (
    select distinct event_date from {{ ref('user_days') }}
    order by event_date desc
    limit 7
)

select
    user_id,
    event_date
from {{ ref('user_days') }}
where event_date in (select newest_days.event_date from newest_days)
group by user_id, event_date
having count(*) > 1
