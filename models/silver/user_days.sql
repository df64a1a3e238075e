{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["user_id", "event_date"],
        pre_hook="{{ begin_loads(on_every_load=user_days_start_over()) }}",
        post_hook=["{{ user_days_by_chunk() }}", "{{ warn_of_bots() }}", "{{ finish_loads() }}"],
    )
}}
-- depends_on: {{ source_rows() }}
-- depends_on: {{ ref('left_out_lines') }}
-- depends_on: {{ ref('event_types') }}
-- depends_on: {{ ref('currency_rates') }}

{%- set seen = seen_load(on_every_load=user_days_start_over()) %}

{%- if seen %}

with touched_user_days as (
    select distinct
        user_id,
        event_date
    from ({{ events(only="load_id > " ~ seen) }}) as new_events
),

touched_events as (
    select events.*
    from {{ ref('events') }} as events
    inner join touched_user_days
        on
            events.event_date = touched_user_days.event_date
            and events.user_id = touched_user_days.user_id
    where {{ days_of("(" ~ events(only="load_id > " ~ seen) ~ ")") }}
),

user_days as (
    {{ user_days('touched_events', of_many=is_grouped_in_chunks(source_rows(), "load_id > " ~ seen)) }}
)

{%- else %}

with user_days as (
    {{ user_days(ref('events'), chunk='false' if is_grouped_in_chunks(source_rows())) }}
)

{%- endif %}

select * from user_days
