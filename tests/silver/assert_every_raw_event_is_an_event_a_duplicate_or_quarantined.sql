-- raw_events = events + their duplicates + quarantined_events; line_count holds an event and its duplicates.
with line_totals as (
    select
        (select count(*) from {{ ref('raw_events') }}) as raw_events,
        (select coalesce(sum(line_count), 0) from {{ ref('events') }}) as events_and_duplicates,
        (select count(*) from {{ ref('quarantined_events') }}) as quarantined_events
)

select * from line_totals
where raw_events <> events_and_duplicates + quarantined_events
