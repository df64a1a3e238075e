{#-
    One row per user and day: what the user did on it. Counts and sums by event type.

    events   relation or CTE of events
    money    as of money_of_events
    days     a condition that takes some of their days, or none for all
    of_many  they may not fit into memory
-#}
{% macro user_days(events, money, days=none, of_many=false) %}
{%- set amount = "price * quantity" %}
{%- if money.others %}
{%- set amount = amount ~ " * coalesce(case when currency <> " ~ sql_text(money.shops or '') ~ " then rates.rate end, 1)" %}
{%- endif %}
select
    event_counts.*,
    coalesce(money.purchased_products, 0) as purchased_products,
    coalesce(money.purchased_quantity, cast(0 as decimal(18, 3))) as purchased_quantity,
    {%- for column in ['revenue', 'refunded'] %}
    cast({{ "null" if money.unrated else "coalesce(money." ~ column ~ ", 0)" }} as decimal(18, 4)) as {{ column }}
    {{- "," if not loop.last }}
    {%- endfor %}
from (
    -- telling hashes apart takes a third less time than telling texts apart
    select
        user_id,
        event_date,
        count(*) as events,
        {{ count_distinct(fast_hash(['session_id']), 'session_id is not null', of_many) }} as sessions,
        count(case when event_type = 'view' then 1 end) as views,
        count(case when event_type = 'cart' then 1 end) as carts,
        count(case when event_type = 'remove_from_cart' then 1 end) as removals,
        count(case when event_type = 'purchase' then 1 end) as purchases,
        count(case when event_type = 'refund' then 1 end) as refunds,
        {{ count_distinct(fast_hash(['product_id']), 'product_id is not null', of_many) }} as products
    from {{ events }}
    {{ "where " ~ days if days }}
    group by user_id, event_date
) as event_counts
left join (
    -- few events are bought or sent back: exact money and telling their products apart cost little on their own
    select
        user_id,
        event_date,
        count(distinct case when event_type = 'purchase' then product_id end) as purchased_products,
        cast(sum(case when event_type = 'purchase' then quantity end) as decimal(18, 3)) as purchased_quantity,
        cast(sum(case when event_type = 'purchase' then {{ amount }} end) as decimal(18, 4)) as revenue,
        cast(sum(case when event_type = 'refund' then {{ amount }} end) as decimal(18, 4)) as refunded
    from {{ events }}
    {{ "left join " ~ ref('currency_rates') ~ " as rates using (currency)" if money.others }}
    where
        event_type in ('purchase', 'refund')
        {{ "and " ~ days if days }}
    group by user_id, event_date
) as money
    on event_counts.user_id = money.user_id and event_counts.event_date = money.event_date
{% endmacro %}

{#- Post-hook of user_days that starts over with more rows than are grouped at once: the other chunks, in the same transaction. -#}
{% macro further_user_days() %}
    {% if execute and not seen_load() %}
        {% for chunk in chunks_of_days(ref('events'))[1:] %}
            {% do run_query("insert into " ~ this ~ " by name " ~ user_days(ref('events'), money_of_events(), chunk.days, chunk.is_large)) %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{#-
    Amounts of several currencies are never one sum: the seed currency_rates converts them to vars.currency, and where it
    lacks one money is null. Without a mapping that gives a currency, or with one currency alone, an amount is what it says.
-#}
{% macro money_of_events(tells=false) %}
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
{%- if tells and money.unrated %}
{%- call tell() %}
select
    'currencies' as what,
    {{ sql_text(money.found) }} as found,
    {{ sql_text(", and the shop's currency is " ~ money.shops if money.shops else '') }} as of_shop,
    {{ sql_text(money.unrated) }} as unrated
{%- endcall %}
{%- endif %}
{%- do return(money) %}
{% endmacro %}
