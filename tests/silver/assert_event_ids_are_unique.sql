-- An event id occurs once. Equal ids lie on the days of the last load or not at all, so only those are looked at:
-- the days before were tested by the builds that changed them.
with last_load as (
    select max(load_id) as load_id
    from {{ ref('loaded_files') }}
),

touched_days as (
    select distinct cast(event_time as date) as event_date
    from (
        {{ event_lines('select load_id from last_load') }}
    ) as mapped_lines
    where {{ keeps_contract() }}
)

select event_id
from {{ ref('events') }}
where event_date in (select event_date from touched_days)
group by event_id
having count(*) > 1
