-- One row per layer and what became of a line or row there, in one order: the metrics of one lake are the same text. A file that was read again counts once.
with current_files as (
    select
        line_count,
        row_number() over (partition by source_file order by load_id desc) as version_number
    from likely_buyers.bronze.loaded_files
),

fates as (
    select
        case
            when reasons is not null then 'quarantined'
            when left_out_as is not null then 'left_out'
            else 'duplicate'
        end as fate,
        count(*) as rows
    from likely_buyers.silver.left_out_lines
    group by fate
)

select 'files' as layer, 'line' as fate, coalesce(sum(line_count), 0)::bigint as rows
from current_files
where version_number = 1
union all
select 'bronze', 'raw', count(*) from likely_buyers.bronze.raw_events
union all
select 'bronze', 'rejected', count(*) from likely_buyers.bronze.rejected_lines
union all
select 'silver', 'event', coalesce(sum(events), 0)::bigint from likely_buyers.silver.user_days
union all
select 'silver', expected.fate, coalesce(fates.rows, 0)
from (values ('duplicate'), ('left_out'), ('quarantined')) as expected (fate)
left join fates on expected.fate = fates.fate
order by layer, fate
