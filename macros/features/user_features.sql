{#
    One row per user and cutoff: what silver.user_days tells about the user before the cutoff.
    Scoring passes one cutoff and training several, so there is one definition of every feature. What is counted stands
    here; the columns that are made of it stand in the feature catalogue, python/likely_buyers/features/catalogue.yml.

    cutoffs    relation or CTE with `cutoff_date`
    user_days  relation or CTE with one row per user and day
    users      relation or CTE with `user_id` to restrict to; every user when none
    cutoff_name  name of the cutoff's column in the result

    Sums are over whole numbers and decimals, so the result does not depend on the order of rows. Whole numbers add up
    exactly as floating point, too, which is faster and takes less memory, so they become it first and money last: between
    builds each expression costs more than the few rows do. Days are counted back from the cutoff: that before it is 1 day ago.
#}
{% macro user_features(cutoffs, user_days, users=none, cutoff_name='cutoff_date') %}
{%- set lists = list_functions() %}
{%- for chunk in (chunks(user_days, 'user_id') if users is none else [none]) %}
{#- a CTE that only renames would be kept in memory whole -#}
{%- set days = 'days' if users is not none else '(select * from ' ~ user_days ~ ' where ' ~ chunk ~ ')' if chunk else user_days %}
select * from (
with
{%- if users is not none %} days as (
    select user_days.*
    from {{ user_days }} as user_days
    inner join {{ users }} as chosen_users on user_days.user_id = chosen_users.user_id
),
{%- endif %}
{%- set days_ago = "cast(" ~ dbt.datediff("days.event_date", "cutoffs.cutoff_date", "day") ~ " as double)" %}
{%- for name, condition in {'aged_days': '', 'aged_purchase_days': 'where days.purchases > 0'}.items() %}
{{ name }} as (
    select
        days.user_id,
        cutoffs.cutoff_date,
        {{ days_ago }} as days_ago,
        {%- for amount in ['sessions', 'views', 'carts', 'refunds', 'products', 'purchases', 'purchased_products'] %}
        cast(days.{{ amount }} as double) as {{ amount }},
        {%- endfor %}
        cast(greatest(days.carts - days.removals - days.purchases, 0) as double) as carts_not_bought,
        {%- for kind in ['view', 'cart', 'refund'] %}
        case when days.{{ kind }}s > 0 then {{ days_ago }} end as {{ kind }}_days_ago,
        {%- endfor %}
        days.purchased_quantity,
        days.revenue,
        days.refunded
    from {{ days }} as days
    inner join {{ cutoffs }} as cutoffs on days.event_date < cutoffs.cutoff_date {{ condition }}
),
{% endfor %}
activity as (
    select
        user_id,
        cutoff_date,
        count(*) as active_days,
        max(days_ago) as first_days_ago,
        min(days_ago) as last_days_ago,
        sum(sessions) as sessions,
        sum(views) as views,
        sum(carts) as carts,
        sum(products) as product_days,
        {%- for events in ['views', 'carts', 'products'] %}
        min_by({{ events }}, days_ago) as last_day_{{ events }},
        {%- endfor %}
        {%- for kind in ['view', 'cart', 'refund'] %}
        max({{ kind }}_days_ago) as first_{{ kind }}_days_ago,
        min({{ kind }}_days_ago) as last_{{ kind }}_days_ago,
        count({{ kind }}_days_ago) as {{ kind }}_days,
        {%- endfor %}
        {{- in_windows('active_days', 'count', '1') }}
        {{- in_windows('views', 'sum', 'views') }}
        {{- in_windows('carts', 'sum', 'carts') }}
        {{- in_windows('sessions', 'sum', 'sessions') }}
        {{- in_windows('product_days', 'sum', 'products') }}
        {{- in_windows('carts_not_bought', 'sum', 'carts_not_bought') }}
        sum(refunded) as refunded
    from aged_days
    group by user_id, cutoff_date
),

purchases as (
    select
        user_id,
        cutoff_date,
        count(*) as purchase_days,
        max(days_ago) as first_purchase_days_ago,
        min(days_ago) as last_purchase_days_ago,
        array_sort(array_agg(days_ago)) as purchased_days_ago,
        {%- for half_life in feature_windows('fading_purchase_days') %}
        -- whole numbers again: of 2^-30
        sum(round(power(2, 30 - days_ago / {{ half_life }})) / power(2, 30)) as fading_purchase_days_{{ half_life }}d,
        {%- endfor %}
        sum(revenue) as revenue,
        max(revenue) as largest_order,
        min_by(revenue, days_ago) as last_revenue,
        min_by(purchases, days_ago) as last_lines,
        sum(purchased_quantity) as purchased_quantity,
        sum(purchases) as purchase_lines,
        sum(purchased_products) as purchased_product_days,
        {{- in_windows('purchase_days', 'count', '1') }}
        {{- in_windows('revenue', 'sum', 'revenue') }}
        {{- in_windows('purchase_lines', 'sum', 'purchases') }}
        {%- for years, name in {1: 'last_year', 2: 'two_years_ago', 3: 'three_years_ago'}.items() %}
        count(case when days_ago between {{ 365 * years - 89 }} and {{ 365 * years }} then 1 end) as purchase_days_same_90d_{{ name }},
        {%- endfor %}
        count(case when days_ago between 336 and 365 then 1 end) as purchase_days_same_30d_last_year
    from aged_purchase_days
    group by user_id, cutoff_date
),

-- a gap is from a purchase day to the next one. Lists of them take a third less time than a window for a few users, and as much for many
buying as (
    select
        *,
        {{ lists.second.format('purchased_days_ago') }} as second_last_purchase_days_ago,
        purchase_days - 1 as gaps,
        nullif(first_purchase_days_ago - last_purchase_days_ago, 0) as gap_sum,
        {{ lists.squares.format('gap_days') }} as gap_square_sum,
        {{ lists.largest.format('gap_days') }} as longest_gap,
        {%- for window in feature_windows('share_of_longer_gaps_ending') %}
        {{ lists.count.format('gap_days', 'one between last_purchase_days_ago + 1 and last_purchase_days_ago + ' ~ window) }} as longer_gaps_ending_{{ window }}d,
        {%- endfor %}
        {{ lists.count.format('gap_days', 'one <= last_purchase_days_ago') }} as gaps_outlasted
    from (select *, {{ lists.differences.format('purchased_days_ago') }} as gap_days from purchases) as purchases
)

select
    activity.user_id,
    activity.cutoff_date as {{ cutoff_name }},
{{ feature_columns() }}
from activity
left join buying
    on activity.user_id = buying.user_id
    and activity.cutoff_date = buying.cutoff_date
) as features_of_users
{{ "union all" if not loop.last }}
{%- endfor %}
{% endmacro %}

{#- The count or sum of an amount of each day, over each window for which the catalogue has a feature of the name. -#}
{% macro in_windows(name, aggregate, amount) %}
        {%- set otherwise = 'else 0 end' if aggregate == 'sum' else 'end' %}
        {%- for window in feature_windows(name) %}
        {{ aggregate }}(case when days_ago <= {{ window }} then {{ amount }} {{ otherwise }}) as {{ name }}_{{ window }}d,
        {%- endfor %}
{% endmacro %}

{#- A sum of money: 0 for who bought nothing, null where money of several currencies cannot be added up. -#}
{% macro money_or_none(amount) -%}
    case when buying.user_id is null then 0 when buying.revenue is not null then {{ amount }} end
{%- endmacro %}
