{{
    config(
        materialized="incremental",
        incremental_strategy="append",
        on_schema_change="sync_all_columns",
        contract={"enforced": false},
        tblproperties={"delta.enableRowTracking": "true", "delta.dataSkippingStatsColumns": "load_id,event_time,event_date"},
        pre_hook="{{ begin_loads() }}",
        post_hook="{{ finish_loads() }}",
    )
}}
-- depends_on: {{ ref('raw_events') }}
-- depends_on: {{ ref('loaded_files') }}
-- depends_on: {{ ref('event_types') }}

{%- if target.type == 'spark' %}

{{ rows_mapped_on_executors(seen_load()) }}

{%- elif event_mapping().get('rows') %}

{%- set seen = seen_load() %}

with latest_files as (
    {{ latest_files() }}
)

{{ rows_of_lines("select * from " ~ ref('raw_events') ~ (" where load_id > " ~ seen if seen else "")) }}

{%- else %}

select
    cast(null as {{ dbt.type_string() }}) as source_file,
    cast(null as {{ dbt.type_bigint() }}) as load_id
where false

{%- endif %}
