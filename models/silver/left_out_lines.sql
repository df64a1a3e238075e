{{
    config(
        materialized="incremental",
        incremental_strategy="append",
        pre_hook="{{ begin_loads('raw_events', on_every_load=not rows_are_by_line()) }}",
        post_hook="{{ finish_loads('raw_events') }}",
    )
}}
-- depends_on: {{ ref('raw_events') }}
-- depends_on: {{ ref('event_types') }}
-- depends_on: {{ ref('loaded_files') }}
-- depends_on: {{ ref('quarantined_events') }}

{%- if event_mapping().get('leave_out') %}

with left_out_rows as (
    select
        load_id,
        source_file,
        left_out
    from (
        {{ event_lines(pending_loads('raw_events') if rows_are_by_line() else loads_if_pending('raw_events')) }}
    ) as mapped_lines
    where left_out is not null
),

left_out_lines as (
    select
        load_id,
        source_file,
        left_out as left_out_as,
        count(*) as line_count
    from left_out_rows
    group by load_id, source_file, left_out
)

select * from left_out_lines

{%- else %}

select
    cast(null as {{ dbt.type_bigint() }}) as load_id,
    cast(null as {{ dbt.type_string() }}) as source_file,
    cast(null as {{ dbt.type_string() }}) as left_out_as,
    cast(null as {{ dbt.type_bigint() }}) as line_count
where false

{%- endif %}
