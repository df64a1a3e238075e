-- One row per reason for which lines were rejected or quarantined: in files of the last load, and in all. A line in
-- quarantine may break several rules and counts for each.
with file_versions as (
    select
        source_file,
        load_id,
        max(load_id) over () as last_load_id,
        row_number() over (partition by source_file order by load_id desc) as version_number
    from bronze.loaded_files
),

faults as (
    select
        source_file,
        'rejected' as fate,
        reason
    from bronze.rejected_lines
    union all
    select
        source_file,
        'quarantined' as fate,
        unnest(string_split(reasons, ' ')) as reason
    from silver.left_out_lines
    where reasons is not null
)

select
    faults.fate,
    faults.reason,
    count(case when file_versions.load_id = file_versions.last_load_id then 1 end) as last_load,
    count(*) as all_loads
from faults
inner join file_versions on faults.source_file = file_versions.source_file
where file_versions.version_number = 1
group by faults.fate, faults.reason
order by faults.fate desc, all_loads desc, faults.reason
