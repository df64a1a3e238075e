{#-
    CTEs, the last of which is user_days: one row per user and day of some events. The build makes silver.user_days by it, and
    who scores between builds the days since.

    events_of   relation or CTE with the columns of silver.events
    amount      SQL of what an event is worth in the shop's currency, over them and `rates`
    parts       conditions that split the events, or [none], as chunks() gives them
    is_large    the events of a part may not fit into memory
    rates       relation with `currency` and `rate`, where amounts are converted
    is_unrated  amounts cannot be added up: money is null
-#}
{% macro days_of_users(events_of, amount, parts=[none], is_large=false, rates=none, is_unrated=false) %}
{%- for part in parts %}
-- telling hashes apart takes a third less time than telling texts apart
event_counts_{{ loop.index }} as (
    select
        user_id,
        event_date,
        {{ counts_of_a_day(of_many=is_large or part is not none) }}
    from {{ events_of }}
    {{ "where " ~ part if part }}
    group by user_id, event_date
),

-- few events are bought or sent back: exact money and telling their products apart cost little on their own
money_{{ loop.index }} as (
    select
        user_id,
        event_date,
        {{ money_of_a_day(amount, of_many=is_large or part is not none) }}
    from {{ events_of }}
    {{ "left join " ~ rates ~ " as rates using (currency)" if rates }}
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
        cast({{ "null" if is_unrated else "coalesce(money." ~ column ~ ", 0)" }} as decimal(18, 4)) as {{ column }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from event_counts_{{ loop.index }} as event_counts
    left join money_{{ loop.index }} as money
        on event_counts.user_id = money.user_id and event_counts.event_date = money.event_date
    {{ "union all" if not loop.last }}
    {%- endfor %}
)
{% endmacro %}

{#- What is told of a user's day by its events, and by their money. -#}
{% macro counts_of_a_day(of_many=false) -%}
        count(*) as events,
        {{ count_distinct(fast_hash(['session_id']), 'session_id is not null', of_many=of_many) }} as sessions,
        {%- for kind, column in {'view': 'views', 'cart': 'carts', 'remove_from_cart': 'removals', 'purchase': 'purchases', 'refund': 'refunds'}.items() %}
        count(case when event_type = '{{ kind }}' then 1 end) as {{ column }},
        {%- endfor %}
        {{ count_distinct(fast_hash(['product_id']), 'product_id is not null', of_many=of_many) }} as products
{%- endmacro %}

{% macro money_of_a_day(amount, of_many=false) -%}
        {{ count_distinct(fast_hash(['product_id']), "event_type = 'purchase' and product_id is not null", of_many=of_many) }} as purchased_products,
        coalesce(cast(sum(case when event_type = 'purchase' then quantity end) as decimal(18, 3)), 0) as purchased_quantity,
        coalesce(cast(sum(case when event_type = 'purchase' then {{ amount }} end) as decimal(18, 4)), 0) as revenue,
        coalesce(cast(sum(case when event_type = 'refund' then {{ amount }} end) as decimal(18, 4)), 0) as refunded
{%- endmacro %}
