{{
    config(
        materialized="incremental",
        incremental_strategy="append",
        pre_hook="{{ begin_loads('raw_events') }}",
        post_hook="{{ finish_loads('raw_events') }}",
    )
}}

with broken_lines as (
    select *
    from ({{ event_lines(pending_loads('raw_events')) }}) as mapped_lines
    where not ({{ keeps_contract() }})
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
        user_id,
        source_price as price,
        source_quantity as quantity,
        {{ columns_as_json(source_column_names(), prefix='source.') }} as line
    from broken_lines
)

select * from quarantined_events
