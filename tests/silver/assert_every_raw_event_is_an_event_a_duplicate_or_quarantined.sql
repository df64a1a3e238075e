-- Rows of the mapping = events + their duplicates + rows left out on purpose + quarantined_events; line_count holds an event
-- and its duplicates. Where a version left out on purpose is the one that is kept, the others count as its duplicates.
with line_totals as (
    select
        (
            select count(*)
            from {{ mapped_rows(raw_lines(loads_taken_in('events'))) }} as mapped_rows
        ) as raw_rows,
        (select coalesce(sum(line_count), 0) from {{ ref('events') }}) as events_and_duplicates,
        (select coalesce(sum(line_count), 0) from {{ ref('left_out_lines') }}) as left_out,
        (select count(*) from {{ ref('quarantined_events') }}) as quarantined_events,
        {%- if event_mapping().get('leave_out') and not event_key_is_whole_line() %}
        (
            select count(*)
            from (
                select
                    {{ event_id() }} as event_id,
                    mapped_lines.left_out
                from ({{ event_lines(loads_taken_in('events')) }}) as mapped_lines
                where left_out is not null or {{ keeps_contract() }}
                qualify count(left_out) over (partition by {{ event_id() }}) > 0
            ) as versions
            where left_out is null and event_id not in (select event_id from {{ ref('events') }})
        )
        {%- else %}
        0
        {%- endif %} as replaced_by_left_out
)

select * from line_totals
where raw_rows <> events_and_duplicates + left_out + quarantined_events + replaced_by_left_out
