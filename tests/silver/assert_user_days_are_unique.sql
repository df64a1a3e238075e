-- A user has one row a day. Only days touched by loads that this test has not passed yet are looked at.
with touched_days as (
    {{ untested_days('user_days', 'assert_user_days_are_unique') }}
)

select
    user_id,
    event_date
from {{ ref('user_days') }}
where event_date in (select touched_days.event_date from touched_days)
group by user_id, event_date
having count(*) > 1
