{#
    One row per user and cutoff: what silver.user_days tells about the user before the cutoff.
    Scoring passes one cutoff and training several, so there is one definition of every feature. What is counted stands
    here; the columns that are made of it stand in the feature catalogue, python/likely_buyers/features/catalogue.yml.

    cutoffs    relation or CTE with `cutoff_date`
    user_days  relation or CTE with one row per user and day
    users      relation or CTE with `user_id` to restrict to; every user when none
    cutoff_name  name of the cutoff's column in the result

    Sums are over whole numbers and decimals, so the result does not depend on the order of rows. Whole numbers add up
    exactly as floating point, too, which is faster and takes less memory; money becomes it at the very end. Days are
    counted back from the cutoff: the day before it is 1 day ago.
#}
{% macro user_features(cutoffs, user_days, users=none, cutoff_name='cutoff_date') %}
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

purchase_days as (
    select
        user_id,
        event_date,
        purchases,
        revenue,
        purchased_quantity,
        purchased_products,
        lead(event_date) over (partition by user_id order by event_date) as next_purchase_date
    from {{ days }} as days
    where purchases > 0
),

aged_days as (
    select
        days.*,
        cutoffs.cutoff_date,
        cast({{ dbt.datediff('days.event_date', 'cutoffs.cutoff_date', 'day') }} as {{ dbt.type_int() }}) as days_ago
    from {{ days }} as days
    inner join {{ cutoffs }} as cutoffs on days.event_date < cutoffs.cutoff_date
),

aged_purchase_days as (
    select
        purchase_days.*,
        cutoffs.cutoff_date,
        {{ dbt.datediff('purchase_days.event_date', 'cutoffs.cutoff_date', 'day') }} as days_ago,
        {{ dbt.datediff('max(purchase_days.event_date) over (partition by user_id, cutoff_date)', 'cutoff_date', 'day') }} as silent_days,
        case
            when purchase_days.next_purchase_date < cutoffs.cutoff_date
                then {{ dbt.datediff('purchase_days.event_date', 'purchase_days.next_purchase_date', 'day') }}
        end as gap_days
    from purchase_days
    inner join {{ cutoffs }} as cutoffs on purchase_days.event_date < cutoffs.cutoff_date
),

activity as (
    select
        user_id,
        cutoff_date,
        count(*) as active_days,
        max(days_ago) as first_days_ago,
        min(days_ago) as last_days_ago,
        sum(cast(sessions as double)) as sessions,
        sum(cast(views as double)) as views,
        sum(cast(carts as double)) as carts,
        sum(cast(products as double)) as product_days,
        {%- for events in ['views', 'carts', 'products'] %}
        max_by({{ events }}, event_date) as last_day_{{ events }},
        {%- endfor %}
        {%- for kind, events in {'view': 'views', 'cart': 'carts', 'refund': 'refunds'}.items() %}
        max(case when {{ events }} > 0 then days_ago end) as first_{{ kind }}_days_ago,
        min(case when {{ events }} > 0 then days_ago end) as last_{{ kind }}_days_ago,
        count(case when {{ events }} > 0 then 1 end) as {{ kind }}_days,
        {%- endfor %}
        {{- in_windows('active_days', 'count', '1') }}
        {{- in_windows('views', 'sum', 'cast(views as double)') }}
        {{- in_windows('carts', 'sum', 'cast(carts as double)') }}
        {{- in_windows('sessions', 'sum', 'cast(sessions as double)') }}
        {{- in_windows('product_days', 'sum', 'cast(products as double)') }}
        {{- in_windows('carts_not_bought', 'sum', 'cast(greatest(carts - removals - purchases, 0) as double)') }}
        sum(refunded) as refunded
    from aged_days
    group by user_id, cutoff_date
),

buying as (
    select
        user_id,
        cutoff_date,
        count(*) as purchase_days,
        max(days_ago) as first_purchase_days_ago,
        min(days_ago) as last_purchase_days_ago,
        min(case when gap_days is not null then days_ago end) as second_last_purchase_days_ago,
        count(gap_days) as gaps,
        sum(gap_days) as gap_sum,
        sum(gap_days * gap_days) as gap_square_sum,
        max(gap_days) as longest_gap,
        count(case when gap_days <= silent_days then 1 end) as gaps_outlasted,
        {%- for window in feature_windows('share_of_longer_gaps_ending') %}
        count(case when gap_days between silent_days + 1 and silent_days + {{ window }} then 1 end) as longer_gaps_ending_{{ window }}d,
        {%- endfor %}
        {%- for half_life in feature_windows('fading_purchase_days') %}
        -- whole numbers again: of 2^-30
        sum(round(power(2, 30 - days_ago / cast({{ half_life }} as double)))) / power(2, 30) as fading_purchase_days_{{ half_life }}d,
        {%- endfor %}
        sum(revenue) as revenue,
        max(revenue) as largest_order,
        max(case when gap_days is null then revenue end) as last_revenue,
        max(case when gap_days is null then purchases end) as last_lines,
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
