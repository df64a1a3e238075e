{{
    config(
        materialized="incremental",
        incremental_strategy="append",
        pre_hook="{{ begin_loads('raw_events', on_every_load=not rows_are_by_line()) }}",
        post_hook=["{{ check_left_over() }}", "{{ finish_loads('raw_events') }}"],
    )
}}
-- depends_on: {{ ref('loaded_files') }}
-- depends_on: {{ ref('rejected_lines') }}

with broken_lines as (
    select *
    from (
        {{ event_lines(pending_loads('raw_events') if rows_are_by_line() else loads_if_pending('raw_events')) }}
    ) as mapped_lines
    where left_out is null and not ({{ keeps_contract() }})
),

quarantined_events as (
    select
        source_file,
        trim(
            {%- for name, condition in contract_violations().items() %}
            case when {{ condition }} then '{{ name }} ' else '' end
            {{- " ||" if not loop.last }}
            {%- endfor %}
        ) as reasons,
        source_event_time as event_time,
        source_event_type as event_type,
        coalesce(user_id, source_user_id) as user_id,
        source_price as price,
        source_quantity as quantity,
        {{ columns_as_json((compiled_mapping().columns or []) | map(attribute='name'), prefix='source.') }} as line
    from broken_lines
)

select * from quarantined_events
