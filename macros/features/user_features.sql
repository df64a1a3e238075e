{#
    One row per user and cutoff: what silver.user_days tells about the user before the cutoff.
    Scoring passes one cutoff and training several, so there is one definition of every feature.

    cutoffs    relation or CTE with `cutoff_date`
    user_days  relation or CTE with one row per user and day
    users      relation or CTE with `user_id` to restrict to; every user when none
    cutoff_name  name of the cutoff's column in the result

    Sums are over whole numbers and decimals, so the result does not depend on the order of rows. Whole numbers add up
    exactly as floating point, too, which is faster and takes less memory; money becomes it at the very end. Days are
    counted back from the cutoff: the day before it is 1 day ago.
#}
{% macro user_features(cutoffs, user_days, users=none, cutoff_name='cutoff_date') %}
    {%- for part in (parts_by_user(user_days) if users is none else [none]) %}
    select * from (
        {{ features_of_users(
            cutoffs,
            user_days if part is none else '(select * from ' ~ user_days ~ ' where ' ~ part ~ ')',
            users,
            cutoff_name
        ) }}
    ) as features_of_users
    {{- " union all" if not loop.last }}
    {%- endfor %}
{% endmacro %}

{% macro features_of_users(cutoffs, user_days, users, cutoff_name) %}

{%- set activity_windows = [1, 3, 7, 14, 30, 90, 365] -%}
{%- set purchase_windows = [7, 14, 30, 60, 90, 180, 365] -%}
{%- set revenue_windows = [30, 90, 365] -%}
{%- set event_kinds = {'view': 'views', 'cart': 'carts', 'refund': 'refunds'} -%}

{#- a CTE that only renames would be kept in memory whole -#}
{%- set days = user_days if users is none else 'days' -%}

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
        sum({{ as_double('sessions') }}) as sessions,
        sum({{ as_double('views') }}) as views,
        sum({{ as_double('carts') }}) as carts,
        sum({{ as_double('products') }}) as product_days,
        sum(refunded) as refunded,
        {%- for events in ['views', 'carts', 'products'] %}
        {{ value_at_latest(events, 'event_date') }} as last_day_{{ events }},
        {%- endfor %}
        {%- for kind, events in event_kinds.items() %}
        max(case when {{ events }} > 0 then days_ago end) as first_{{ kind }}_days_ago,
        min(case when {{ events }} > 0 then days_ago end) as last_{{ kind }}_days_ago,
        count(case when {{ events }} > 0 then 1 end) as {{ kind }}_days,
        {%- endfor %}
        {%- for window in activity_windows %}
        count(case when days_ago <= {{ window }} then 1 end) as active_days_{{ window }}d,
        sum(case when days_ago <= {{ window }} then {{ as_double('views') }} else 0 end) as views_{{ window }}d,
        sum(case when days_ago <= {{ window }} then {{ as_double('carts') }} else 0 end) as carts_{{ window }}d,
        {%- endfor %}
        sum(case when days_ago <= 30 then {{ as_double('sessions') }} else 0 end) as sessions_30d,
        sum(case when days_ago <= 30 then {{ as_double('products') }} else 0 end) as product_days_30d,
        {%- for window in [7, 30] %}
        sum(
            case
                when days_ago <= {{ window }} and carts > removals + purchases
                    then {{ as_double('carts - removals - purchases') }}
                else 0
            end
        ) as carts_not_bought_{{ window }}d{{ ',' if not loop.last }}
        {%- endfor %}

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
        sum(revenue) as revenue,
        max(revenue) as largest_order,
        max(case when gap_days is null then revenue end) as last_revenue,
        max(case when gap_days is null then purchases end) as last_lines,
        sum(purchased_quantity) as purchased_quantity,
        sum(purchases) as purchase_lines,
        sum(purchased_products) as purchased_product_days,
        {%- for window in purchase_windows %}
        count(case when days_ago <= {{ window }} then 1 end) as purchase_days_{{ window }}d,
        {%- endfor %}
        {%- for window in revenue_windows %}
        sum(case when days_ago <= {{ window }} then revenue else 0 end) as revenue_{{ window }}d,
        sum(case when days_ago <= {{ window }} then purchases else 0 end) as purchase_lines_{{ window }}d,
        {%- endfor %}
        count(case when days_ago between 336 and 365 then 1 end) as purchase_days_same_30d_last_year

    from aged_purchase_days
    group by user_id, cutoff_date

)

select
    activity.user_id,
    activity.cutoff_date as {{ cutoff_name }},

    {{ as_double('coalesce(buying.purchase_days, 0)') }} as purchase_days,
    {%- for window in purchase_windows %}
    {{ as_double('coalesce(buying.purchase_days_' ~ window ~ 'd, 0)') }} as purchase_days_{{ window }}d,
    {%- endfor %}
    {{ as_double('coalesce(buying.purchase_days_same_30d_last_year, 0)') }} as purchase_days_same_30d_last_year,
    {{ as_double('buying.last_purchase_days_ago') }} as days_since_last_purchase,
    {{ as_double('buying.second_last_purchase_days_ago') }} as days_since_second_last_purchase,
    {{ as_double('buying.first_purchase_days_ago') }} as days_since_first_purchase,
    {{ ratio('30 * buying.purchase_days', 'buying.first_purchase_days_ago') }} as purchase_days_per_30d,
    {{ as_double('buying.gap_sum') }} as days_from_first_to_last_purchase,

    {{ ratio('buying.gap_sum', 'buying.gaps') }} as purchase_gap_mean_days,
    sqrt(
        {{ ratio('buying.gaps * buying.gap_square_sum - buying.gap_sum * buying.gap_sum', 'buying.gaps * (buying.gaps - 1)') }}
    ) as purchase_gap_spread_days,
    {{ as_double('buying.second_last_purchase_days_ago - buying.last_purchase_days_ago') }} as purchase_gap_last_days,
    {{ as_double('buying.longest_gap') }} as purchase_gap_longest_days,
    {{ ratio('buying.last_purchase_days_ago * buying.gaps', 'buying.gap_sum') }} as days_since_last_purchase_in_mean_gaps,

    {{ as_double(money_or_none('buying.revenue')) }} as revenue,
    {{ as_double('activity.refunded') }} as refunded,
    {%- for window in revenue_windows %}
    {{ as_double(money_or_none('buying.revenue_' ~ window ~ 'd')) }} as revenue_{{ window }}d,
    {{ as_double('coalesce(buying.purchase_lines_' ~ window ~ 'd, 0)') }} as purchase_lines_{{ window }}d,
    {%- endfor %}
    {{ ratio('buying.revenue', 'buying.purchase_days') }} as revenue_per_purchase_day,
    {{ as_double('buying.largest_order') }} as largest_purchase_day_revenue,
    {{ as_double('buying.last_revenue') }} as last_purchase_day_revenue,
    {{ ratio('buying.last_revenue * buying.purchase_days', 'buying.revenue') }} as last_purchase_day_revenue_in_means,
    {{ ratio('buying.purchase_lines', 'buying.purchase_days') }} as lines_per_purchase_day,
    {{ as_double('buying.last_lines') }} as last_purchase_day_lines,
    {{ ratio('buying.purchased_quantity', 'buying.purchase_days') }} as quantity_per_purchase_day,
    {{ ratio('buying.purchased_product_days', 'buying.purchase_days') }} as products_per_purchase_day,

    {{ as_double('activity.active_days') }} as active_days,
    {{ as_double('activity.sessions') }} as sessions,
    {{ as_double('activity.views') }} as views,
    {{ as_double('activity.carts') }} as carts,
    {%- for window in activity_windows %}
    {{ as_double('activity.active_days_' ~ window ~ 'd') }} as active_days_{{ window }}d,
    {{ as_double('activity.views_' ~ window ~ 'd') }} as views_{{ window }}d,
    {{ as_double('activity.carts_' ~ window ~ 'd') }} as carts_{{ window }}d,
    {%- endfor %}
    {%- for events in ['views', 'carts', 'products'] %}
    {{ as_double('activity.last_day_' ~ events) }} as {{ events }}_on_last_active_day,
    {%- endfor %}
    {{ as_double('activity.sessions_30d') }} as sessions_30d,
    {{ as_double('activity.carts_not_bought_7d') }} as carts_not_bought_7d,
    {{ as_double('activity.carts_not_bought_30d') }} as carts_not_bought_30d,
    {{ as_double('activity.product_days_30d') }} as product_days_30d,
    {{ ratio('activity.product_days', 'activity.active_days') }} as products_per_active_day,
    {{ ratio('30 * activity.active_days', 'activity.first_days_ago') }} as active_days_per_30d,
    {{ as_double('activity.last_days_ago') }} as days_since_last_event,
    {{ as_double('activity.first_days_ago') }} as days_since_first_event,
    {%- for kind in event_kinds %}
    {{ as_double('activity.' ~ kind ~ '_days') }} as {{ kind }}_days,
    {{ as_double('activity.last_' ~ kind ~ '_days_ago') }} as days_since_last_{{ kind }},
    {{ as_double('activity.first_' ~ kind ~ '_days_ago') }} as days_since_first_{{ kind }}
    {%- if not loop.last %},{% endif %}
    {%- endfor %}

from activity
left join buying
    on activity.user_id = buying.user_id
    and activity.cutoff_date = buying.cutoff_date

{% endmacro %}

{#- A sum of money: 0 for who bought nothing, null where money of several currencies cannot be added up. -#}
{% macro money_or_none(amount) -%}
    case when buying.user_id is null then 0 when buying.revenue is not null then {{ amount }} end
{%- endmacro %}
