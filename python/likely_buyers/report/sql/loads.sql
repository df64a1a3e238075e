-- Two rows: the last load, and all files as they stand now (a file that was read again counts once).
with file_versions as (
    select
        *,
        max(load_id) over () as last_load_id,
        row_number() over (partition by source_file order by load_id desc) as version_number
    from bronze.loaded_files
),

quarantined_lines as (
    select
        file_versions.load_id = file_versions.last_load_id as is_last_load,
        count(*) as quarantined
    from silver.left_out_lines as left_out_lines
    inner join file_versions on left_out_lines.source_file = file_versions.source_file
    where file_versions.version_number = 1 and left_out_lines.reasons is not null
    group by file_versions.load_id = file_versions.last_load_id
),

last_load as (
    select
        'last load' as whose,
        1 as loads,
        max(load_id) as load_id,
        max(loaded_at) as loaded_at,
        count(*) as files,
        count(case when replaces_earlier then 1 end) as replaced_files,
        coalesce(sum(line_count), 0) as lines,
        coalesce(sum(rejected_count), 0) as rejected,
        (select coalesce(sum(quarantined), 0) from quarantined_lines where is_last_load) as quarantined
    from file_versions
    where load_id = last_load_id
),

all_loads as (
    select
        'all loads' as whose,
        count(distinct load_id) as loads,
        max(load_id) as load_id,
        max(loaded_at) as loaded_at,
        count(*) as files,
        count(case when replaces_earlier then 1 end) as replaced_files,
        coalesce(sum(line_count), 0) as lines,
        coalesce(sum(rejected_count), 0) as rejected,
        (select coalesce(sum(quarantined), 0) from quarantined_lines) as quarantined
    from file_versions
    where version_number = 1
)

select * from last_load
union all
select * from all_loads
