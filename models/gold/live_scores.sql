{{ config(materialized="incremental", incremental_strategy="append", full_refresh=false) }}

-- its rows are written by `likely-buyers stream`
select
    cast(null as {{ dbt.type_string() }}) as user_id,
    cast(null as {{ dbt.type_string() }}) as outcome,
    cast(null as date) as as_of_date,
    cast(null as {{ dbt.type_int() }}) as horizon_days,
    cast(null as double) as probability,
    cast(null as {{ dbt.type_string() }}) as model_name,
    cast(null as {{ dbt.type_int() }}) as model_version,
    cast(null as {{ dbt.type_string() }}) as model_digest,
    cast(null as {{ dbt.type_string() }}) as scored_with,
    cast(null as {{ dbt.type_timestamp() }}) as scored_at,
    cast(null as {{ dbt.type_bigint() }}) as snapshot_id
where false
