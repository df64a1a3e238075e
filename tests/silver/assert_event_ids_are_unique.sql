-- An event id occurs once. Only days touched by loads that this test has not passed yet are looked at.
with touched_days as (
    select distinct cast(event_time as date) as event_date
    from (
        {{ event_lines(untested_loads("events", "assert_event_ids_are_unique")) }}
    ) as mapped_lines
),

touched_events as (
    select events.event_id
    from {{ ref('events') }} as events
    inner join touched_days on events.event_date = touched_days.event_date
),

-- a cheap hash finds the few ids that may be equal
repeated_hashes as (
    select {{ fast_hash(['event_id']) }} as id_hash
    from touched_events
    group by {{ fast_hash(['event_id']) }}
    having count(*) > 1
)

select event_id
from touched_events
where {{ fast_hash(['event_id']) }} in (select repeated_hashes.id_hash from repeated_hashes)
group by event_id
having count(*) > 1
