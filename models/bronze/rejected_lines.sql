{{ config(materialized="view") }}
-- depends_on: {{ ref('raw_events') }}

select * from {{ ledger('unreadable_lines') }}
