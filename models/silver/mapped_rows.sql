{{
    config(
        materialized="incremental",
        incremental_strategy="append",
        on_schema_change="sync_all_columns",
        contract={"enforced": false},
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
{#- a key that no JSON so far had is null -#}
{%- set lines -%}
    select * {{- compiled_mapping().absent }}
    from {{ ref('raw_events') }}
    {{ 'where load_id > ' ~ seen if seen }}
{%- endset %}

with mapped_rows as (
    select * from {{ compiled_mapping().rows | join(lines) }} as rows_of_mapping
),

latest_files as (
    {{ latest_files() }}
)

select
    {%- for column in compiled_mapping().columns or [] %}
    mapped_rows.{{ sql_name(column.name) }},
    {%- endfor %}
    mapped_rows.source_file,
    -- of rows that come from several lines, or pass no file on, the load that they were last made at
    coalesce(
        mapped_rows.load_id, latest_files.load_id, (select max(files.load_id) from latest_files as files)
    ) as load_id
from mapped_rows
left join latest_files on mapped_rows.source_file = latest_files.source_file

{%- else %}

select
    cast(null as {{ dbt.type_string() }}) as source_file,
    cast(null as {{ dbt.type_bigint() }}) as load_id
where false

{%- endif %}
