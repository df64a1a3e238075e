{{ config(materialized="view") }}
-- depends_on: {{ ref('raw_events') }}

select * from {{ log_table('unreadable_lines') }}
