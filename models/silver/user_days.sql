{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["user_id", "event_date"],
        pre_hook="{{ begin_loads() }}",
        post_hook=["{{ tell_bots() }}", "{{ tell_large_orders() }}", "{{ finish_loads() }}"],
    )
}}
-- depends_on: {{ source_rows() }}
-- depends_on: {{ ref('left_out_lines') }}
-- depends_on: {{ ref('event_types') }}
-- depends_on: {{ ref('currency_rates') }}

{%- set seen = seen_load() %}
{%- set new_events = "(" ~ events(only="load_id > " ~ seen) ~ ")" if seen %}
{%- set is_large = seen and looked_up("select count(*) > " ~ var('events_per_chunk') ~ " from " ~ source_rows() ~ " where load_id > " ~ seen) %}
{%- set events_of, parts = ('touched_events', [none]) if seen else (ref('events'), chunks(ref('events'), 'event_date')) %}

{#-
    Amounts of several currencies are never one sum: the seed currency_rates converts them to vars.currency, and where it
    lacks one money is null. Without a mapping that gives a currency, or with one currency alone, an amount is what it says.
-#}
{%- set found_currencies %}
with found as (
    select distinct currency
    from {{ ref('events') }}
    where event_type in ('purchase', 'refund') and price is not null and currency is not null
),

shops as (
    select {{ sql_text(var('currency')) if var('currency') else "case when count(*) = 1 then min(currency) end" }} as currency
    from found
)

select
    max(shops.currency) as shops,
    count(case when found.currency is distinct from shops.currency then 1 end) as others,
    {{ dbt.listagg("found.currency", "', '", "order by found.currency") }} as found,
    {{ dbt.listagg(
        "case when rates.rate is null and found.currency is distinct from shops.currency then found.currency end",
        "', '", "order by found.currency"
    ) }} as unrated
from found
cross join shops
left join {{ ref('currency_rates') }} as rates on found.currency = rates.currency
{%- endset %}
{%- set is_given = event_mapping().get('currency') is not none and can_be_read(ref('events')) %}
{%- set money = run_query(found_currencies).rows[0] if is_given else {} %}
{%- if money.unrated %}
{%- call tell() %}
select
    'currencies' as what,
    {{ sql_text(money.found) }} as found,
    {{ sql_text(", and the shop's currency is " ~ money.shops if money.shops else '') }} as of_shop,
    {{ sql_text(money.unrated) }} as unrated
{%- endcall %}
{%- endif %}
{%- set amount = "price * quantity" %}
{%- if money.others %}
{%- set amount = amount ~ " * coalesce(case when currency <> " ~ sql_text(money.shops or '') ~ " then rates.rate end, 1)" %}
{%- endif %}

with
{%- if seen %}
touched_user_days as (
    select distinct
        user_id,
        event_date
    from {{ new_events }} as new_events
),

touched_events as (
    select events.*
    from {{ ref('events') }} as events
    inner join touched_user_days
        on
            events.event_date = touched_user_days.event_date
            and events.user_id = touched_user_days.user_id
    where {{ days_of(new_events) }}
),
{%- endif %}

{%- for part in parts %}
-- telling hashes apart takes a third less time than telling texts apart
event_counts_{{ loop.index }} as (
    select
        user_id,
        event_date,
        count(*) as events,
        {{ count_distinct(fast_hash(['session_id']), 'session_id is not null', of_many=is_large or part is not none) }} as sessions,
        count(case when event_type = 'view' then 1 end) as views,
        count(case when event_type = 'cart' then 1 end) as carts,
        count(case when event_type = 'remove_from_cart' then 1 end) as removals,
        count(case when event_type = 'purchase' then 1 end) as purchases,
        count(case when event_type = 'refund' then 1 end) as refunds,
        {{ count_distinct(fast_hash(['product_id']), 'product_id is not null', of_many=is_large or part is not none) }} as products
    from {{ events_of }}
    {{ "where " ~ part if part }}
    group by user_id, event_date
),

-- few events are bought or sent back: exact money and telling their products apart cost little on their own
money_{{ loop.index }} as (
    select
        user_id,
        event_date,
        count(distinct case when event_type = 'purchase' then product_id end) as purchased_products,
        cast(sum(case when event_type = 'purchase' then quantity end) as decimal(18, 3)) as purchased_quantity,
        cast(sum(case when event_type = 'purchase' then {{ amount }} end) as decimal(18, 4)) as revenue,
        cast(sum(case when event_type = 'refund' then {{ amount }} end) as decimal(18, 4)) as refunded
    from {{ events_of }}
    {{ "left join " ~ ref('currency_rates') ~ " as rates using (currency)" if money.others }}
    where
        event_type in ('purchase', 'refund')
        {{ "and " ~ part if part }}
    group by user_id, event_date
),
{%- endfor %}

user_days as (
    {%- for part in parts %}
    select
        event_counts.*,
        coalesce(money.purchased_products, 0) as purchased_products,
        coalesce(money.purchased_quantity, cast(0 as decimal(18, 3))) as purchased_quantity,
        {%- for column in ['revenue', 'refunded'] %}
        cast({{ "null" if money.unrated else "coalesce(money." ~ column ~ ", 0)" }} as decimal(18, 4)) as {{ column }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from event_counts_{{ loop.index }} as event_counts
    left join money_{{ loop.index }} as money
        on event_counts.user_id = money.user_id and event_counts.event_date = money.event_date
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select * from user_days
