{{ config(materialized="view") }}
-- depends_on: {{ source_rows() }}
-- depends_on: {{ ref('event_types') }}
-- depends_on: {{ ref('left_out_lines') }}

{%- set broken = "(select row_id from " ~ ref('left_out_lines') ~ " where reasons is not null)" %}

with broken_lines as (
    {{ lines_as_json(only=row_id() ~ " in " ~ broken) }}
),

quarantined_events as (
    select
        left_out_lines.source_file,
        left_out_lines.reasons,
        broken_lines.source_event_time as event_time,
        broken_lines.source_event_type as event_type,
        coalesce(broken_lines.user_id, broken_lines.source_user_id) as user_id,
        broken_lines.source_price as price,
        broken_lines.source_quantity as quantity,
        broken_lines.line
    from broken_lines
    inner join {{ ref('left_out_lines') }} as left_out_lines on broken_lines.row_id = left_out_lines.row_id
)

select * from quarantined_events
