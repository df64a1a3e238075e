{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["user_id", "event_date"],
        pre_hook="{{ begin_loads() }}",
        post_hook=["{{ further_user_days() }}", "{{ tell_bots() }}", "{{ finish_loads() }}"],
    )
}}
-- depends_on: {{ source_rows() }}
-- depends_on: {{ ref('left_out_lines') }}
-- depends_on: {{ ref('event_types') }}
-- depends_on: {{ ref('currency_rates') }}

{%- set seen = seen_load() %}
{%- set money = money_of_events(tells=true) %}

with
{%- if seen %}
touched_user_days as (
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
    {{ user_days('touched_events', money, of_many=are_many(source_rows(), "load_id > " ~ seen)) }}
)
{%- else %}
{%- set chunk = chunks_of_days(ref('events'))[0] %}
user_days as (
    {{ user_days(ref('events'), money, chunk.days, chunk.is_large) }}
)
{%- endif %}

select * from user_days
