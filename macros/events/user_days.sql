{#-
    One row per user and day: what the user did on it. Counts and sums by event type.

    events   relation or CTE of events
    chunk    a condition that takes some of their days, or none for all
    of_many  they may not fit into memory
-#}
{% macro user_days(events, chunk=none, of_many=false) %}
{%- set money = money_in_shop_currency() %}
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
        {{ count_distinct(fast_hash(['session_id']), 'session_id is not null', of_many=of_many) }} as sessions,
        count(case when event_type = 'view' then 1 end) as views,
        count(case when event_type = 'cart' then 1 end) as carts,
        count(case when event_type = 'remove_from_cart' then 1 end) as removals,
        count(case when event_type = 'purchase' then 1 end) as purchases,
        count(case when event_type = 'refund' then 1 end) as refunds,
        {{ count_distinct(fast_hash(['product_id']), 'product_id is not null', of_many=of_many) }} as products
    from {{ events }}
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
    from {{ events }}{{ money.joined }}
    where
        event_type in ('purchase', 'refund')
        {{ "and " ~ chunk if chunk }}
    group by user_id, event_date
) as money
    on event_counts.user_id = money.user_id and event_counts.event_date = money.event_date
{% endmacro %}

{#-
    Post-hook of user_days that starts over with more rows than are grouped at once: a chunk after the other, in the same
    transaction.
-#}
{% macro user_days_by_chunk() %}
    {% if execute and not seen_load(on_every_load=user_days_start_over()) and is_grouped_in_chunks(source_rows()) %}
        {% for chunk in chunks_by_date(ref('events')) %}
            {% do run_query("insert into " ~ this ~ " by name " ~ user_days(ref('events'), chunk.condition, chunk.is_large)) %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{#-
    Whether user days are made anew at each load: an event told by a key may move to another day when another version of it
    arrives, `rows` that see all lines may change any event, and another currency may change what money adds up to.
-#}
{% macro user_days_start_over() %}
    {% do return(not event_key_is_whole_line() or not rows_are_by_line() or event_mapping().get('currency') is not none) %}
{% endmacro %}

{#-
    How money of events becomes money of the shop: {is_known, rate: what an amount is multiplied by, joined: what that needs}.
    Amounts of several currencies are never one sum: the seed currency_rates converts them to vars.currency. Without a
    mapping that gives a currency, or with one currency alone, an amount is what it says.
-#}
{% macro money_in_shop_currency() %}
    {% if event_mapping().get('currency') is none or not can_be_read(ref('events')) %}
        {% do return({'is_known': true, 'rate': '', 'joined': ''}) %}
    {% endif %}
    {% set found = run_query(
        "select distinct currency from " ~ ref('events') ~ " where event_type in ('purchase', 'refund') and price is not null"
        ~ " and currency is not null order by currency").columns[0].values() | list %}
    {% set rated = run_query("select currency from " ~ ref('currency_rates')).columns[0].values() | list %}
    {% set shops = var('currency') or (found[0] if found | length == 1 else none) %}
    {% set unknown = [] %}
    {% for currency in found if currency != shops and currency not in rated %}{% do unknown.append(currency) %}{% endfor %}
    {% if unknown %}
        {% do exceptions.warn("likely_buyers: events have amounts in " ~ found | join(', ') ~ ((", and the shop's currency is " ~ shops)
            if shops else "") ~ ": they are never one sum. Money features and expected_revenue cannot be had (null) until vars.currency"
            ~ " names the shop's currency and seeds/currency_rates.csv has a rate for: " ~ unknown | join(', ') ~ ".") %}
        {% do return({'is_known': false, 'rate': '', 'joined': ''}) %}
    {% endif %}
    {% if found | length <= 1 and (not found or found[0] == shops) %}
        {% do return({'is_known': true, 'rate': '', 'joined': ''}) %}
    {% endif %}
    {% do return({
        'is_known': true,
        'rate': ' * coalesce(case when currency <> ' ~ sql_text(shops or '') ~ ' then rates.rate end, 1)',
        'joined': ' left join (select currency as rated_currency, rate from ' ~ ref('currency_rates')
            ~ ') as rates on currency = rates.rated_currency',
    }) %}
{% endmacro %}
