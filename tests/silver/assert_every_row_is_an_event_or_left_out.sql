-- Rows of the mapping = events that are counted on user days + left_out_lines, and each of these is a row.
with line_totals as (
    select
        (select count(*) from {{ source_rows() }}) as source_rows,
        (select coalesce(sum(events), 0) from {{ ref('user_days') }}) as events_in_user_days,
        (select count(*) from {{ ref('left_out_lines') }}) as left_out_lines,
        (
            select count(*) from {{ source_rows() }}
            where {{ row_id() }} in (select left_out.row_id from {{ ref('left_out_lines') }} as left_out)
        ) as left_out_rows
)

select * from line_totals
where source_rows <> events_in_user_days + left_out_lines or left_out_lines <> left_out_rows
