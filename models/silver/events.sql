{{ config(materialized="view") }}
-- depends_on: {{ source_rows() }}
-- depends_on: {{ ref('event_types') }}
-- depends_on: {{ ref('left_out_lines') }}
-- who has events is to have what is not among them: depends_on: {{ ref('quarantined_events') }}

with events as (
    {{ events() }}
)

select
    {{ event_columns() }},
    row_id
from events
