{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["user_id", "event_date"],
        tblproperties={
            "delta.enableRowTracking": "true", "delta.enableChangeDataFeed": "true", "delta.dataSkippingStatsColumns": "event_date"
        },
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
{#- a product of three has too few digits left in front -#}
{%- set amount = "cast(" ~ amount ~ " as decimal(38, 7)) * coalesce(case when currency <> " ~ sql_text(money.shops or '') ~ " then rates.rate end, 1)" %}
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

{{ days_of_users(events_of, amount, parts, is_large, rates=ref('currency_rates') if money.others, is_unrated=money.unrated) }}

select * from user_days
