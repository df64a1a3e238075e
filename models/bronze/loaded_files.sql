{{ config(materialized="view") }}
-- depends_on: {{ ref('raw_events') }}

select * from {{ ledger('file_register') }}
