{#-
    How money of events becomes money of the shop: {is_known, rate: what an amount is multiplied by, joined: what that needs}.
    Amounts of several currencies are never one sum: the seed currency_rates converts them to vars.currency. Without a
    mapping that gives a currency, or with one currency alone, an amount is what it says.
-#}
{% macro money_in_shop_currency() %}
    {% set found %}
        with found as (
            select distinct currency from {{ ref('events') }}
            where event_type in ('purchase', 'refund') and price is not null and currency is not null
        )
        select
            {{ dbt.listagg('found.currency', "', '", 'order by found.currency') }} as found,
            max(shops.currency) as shops,
            count(case when found.currency is distinct from shops.currency then 1 end) as other_currencies,
            {{ dbt.listagg('case when found.currency is distinct from shops.currency and rates.currency is null then found.currency end',
                "', '", 'order by found.currency') }} as unrated
        from found
        cross join (
            select {{ sql_text(var('currency')) if var('currency') else "case when count(*) = 1 then min(currency) end" }} as currency from found
        ) as shops
        left join {{ ref('currency_rates') }} as rates on found.currency = rates.currency
    {% endset %}
    {% set money = run_query(found).rows[0] if event_mapping().get('currency') is not none and can_be_read(ref('events')) %}
    {% if not money or not money.other_currencies %}{% do return({'is_known': true, 'rate': '', 'joined': ''}) %}{% endif %}
    {% if money.unrated %}
        {% call tell() %}
            select 'currencies' as what, {{ sql_text(money.found) }} as found, {{ sql_text(money.unrated) }} as unrated,
                {{ sql_text(", and the shop's currency is " ~ money.shops if money.shops else '') }} as of_shop
        {% endcall %}
        {% do return({'is_known': false, 'rate': '', 'joined': ''}) %}
    {% endif %}
    {% do return({
        'is_known': true,
        'rate': ' * coalesce(case when currency <> ' ~ sql_text(money.shops or '') ~ ' then rates.rate end, 1)',
        'joined': ' left join (select currency as rated_currency, rate from ' ~ ref('currency_rates')
            ~ ') as rates on currency = rates.rated_currency',
    }) %}
{% endmacro %}
