-- Lines counted in the files = lines in raw_events + lines in rejected_lines.
with current_files as (
    select
        source_file,
        line_count,
        row_number() over (partition by source_file order by load_id desc) as version_number
    from {{ ref('loaded_files') }}
),

line_totals as (
    select
        (select coalesce(sum(line_count), 0) from current_files where version_number = 1) as lines_in_files,
        (select count(*) from {{ ref('raw_events') }}) as raw_events,
        (select count(*) from {{ ref('rejected_lines') }}) as rejected_lines
)

select * from line_totals
where lines_in_files <> raw_events + rejected_lines
