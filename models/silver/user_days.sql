{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["user_id", "event_date"],
        pre_hook="{{ begin_loads() }}",
        post_hook=["{{ tell_bots() }}", "{{ finish_loads() }}"],
    )
}}
-- depends_on: {{ source_rows() }}
-- depends_on: {{ ref('left_out_lines') }}
-- depends_on: {{ ref('event_types') }}
-- depends_on: {{ ref('currency_rates') }}

{%- set seen, money = seen_load(), money_in_shop_currency() %}
{%- set days_of = 'touched_events' if seen else ref('events') %}

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
),
{%- endif %}

-- what each user did on each day: counts and sums by event type
user_days as (
    {%- for chunk in ([none] if seen else chunks(ref('events'), 'event_date')) %}
    select
        event_counts.*,
        coalesce(money.purchased_products, 0) as purchased_products,
        coalesce(money.purchased_quantity, cast(0 as decimal(18, 3))) as purchased_quantity,
        {%- for amount in ['revenue', 'refunded'] %}
        {{ "coalesce(money." ~ amount ~ ", cast(0 as decimal(18, 4)))" if money.is_known else "cast(null as decimal(18, 4))" }} as {{ amount }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from (
        -- telling hashes apart takes a third less time than telling texts apart
        select
            user_id,
            event_date,
            count(*) as events,
            {{ count_distinct(fast_hash(['session_id']), 'session_id is not null', of_many=chunk is not none) }} as sessions,
            count(case when event_type = 'view' then 1 end) as views,
            count(case when event_type = 'cart' then 1 end) as carts,
            count(case when event_type = 'remove_from_cart' then 1 end) as removals,
            count(case when event_type = 'purchase' then 1 end) as purchases,
            count(case when event_type = 'refund' then 1 end) as refunds,
            {{ count_distinct(fast_hash(['product_id']), 'product_id is not null', of_many=chunk is not none) }} as products
        from {{ days_of }}
        {{ "where " ~ chunk if chunk }}
        group by user_id, event_date
    ) as event_counts
    left join (
        -- few events are bought or sent back: exact money and telling their products apart cost little on their own
        select
            user_id,
            event_date,
            count(distinct case when event_type = 'purchase' then product_id end) as purchased_products,
            cast(sum(case when event_type = 'purchase' then quantity end) as decimal(18, 3)) as purchased_quantity,
            cast(sum(case when event_type = 'purchase' then price * quantity{{ money.rate }} end) as decimal(18, 4)) as revenue,
            cast(sum(case when event_type = 'refund' then price * quantity{{ money.rate }} end) as decimal(18, 4)) as refunded
        from {{ days_of }}{{ money.joined }}
        where
            event_type in ('purchase', 'refund')
            {{ "and " ~ chunk if chunk }}
        group by user_id, event_date
    ) as money
        on event_counts.user_id = money.user_id and event_counts.event_date = money.event_date
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select * from user_days
