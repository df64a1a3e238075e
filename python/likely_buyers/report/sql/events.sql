-- One row: distinct events, and the lines that told of one once more.
select
    count(*) as events,
    (select count(*) from silver.left_out_lines where duplicate_of is not null) as duplicates,
    min(event_date) as first_event_date,
    max(event_date) as last_event_date
from silver.events
