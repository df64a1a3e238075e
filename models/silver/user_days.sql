{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["user_id", "event_date"],
        pre_hook="{{ begin_loads('events', on_every_load=user_days_start_over()) }}",
        post_hook=["{{ warn_of_bots() }}", "{{ finish_loads('events') }}"],
    )
}}
-- depends_on: {{ ref('raw_events') }}
-- depends_on: {{ ref('loaded_files') }}
-- depends_on: {{ ref('event_types') }}
-- depends_on: {{ ref('currency_rates') }}

{%- if is_incremental() and not user_days_start_over() %}

with touched_user_days as (
    select distinct
        user_id,
        {{ event_day('event_time') }} as event_date
    from ({{ event_lines(pending_loads('events')) }}) as mapped_lines
    where left_out is null and {{ keeps_contract() }}
),

touched_events as (
    select events.*
    from {{ ref('events') }} as events
    inner join touched_user_days
        on
            events.event_date = touched_user_days.event_date
            and events.user_id = touched_user_days.user_id
),

user_days as (
    {{ user_days('touched_events') }}
)

{%- else %}

{%- set if_pending = "exists (" ~ pending_loads('events') ~ ")" if is_incremental() %}

with user_days as (
    {%- for chunk in chunks_by_date(ref('events')) %}
    {{ user_days(ref('events'), [chunk, if_pending] | select | join(' and ')) }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

{%- endif %}

select * from user_days
