{{ config(materialized="table_on_change", post_hook="{{ announce_top_buyers() }}") }}

{%- set liked_days = 90 %}
{#- purchase days beyond the first, of a Poisson process that has none within a horizon with 1 - probability -#}
{%- set further_days = '(-ln(1 - least(probability, 0.999)) - least(probability, 0.999))' %}
{%- set days_ago = dbt.datediff('user_days.event_date', 'horizons.as_of_date', 'day') %}
{#- looked up while compiling: the planner skips what is older by nothing but literals -#}
{%- set days = run_query(
    "select cast(" ~ dbt.dateadd('day', -liked_days, 'min(as_of_date)') ~ " as date), cast("
    ~ dbt.dateadd('day', -1, 'min(as_of_date)') ~ " as date) from " ~ ref('predictions')
).rows[0] if can_be_read(ref('predictions')) %}

{#- the outcomes that are any purchase: what a buyer spends is told by all purchases -#}
{%- set priced = [] %}
{%- for outcome in outcomes() if outcome.event == 'purchase' and not outcome.where %}
{%- do priced.append(sql_text(outcome.name)) %}
{%- endfor %}
{%- set priced = priced | join(', ') or 'null' %}

with predictions as (
    select * from {{ ref('predictions') }}
),

user_features as (
    select * from {{ ref('user_features') }}
),

user_days as (
    select * from {{ ref('user_days') }}
),

events as (
    select * from {{ ref('events') }}
),

-- sums over decimals: a sum of floating-point numbers would depend on the order of rows
scored_users as (
    select
        outcome,
        count(*) as user_count,
        cast(ceil(count(*) * {{ var('top_fraction') }}) as {{ dbt.type_bigint() }}) as places,
        cast(sum(cast(probability as decimal(18, 12))) as double) / count(*) as mean_probability,
        cast(sum(cast({{ further_days }} as decimal(18, 12))) as double) / count(*) as mean_further_days,
        min(as_of_date) as as_of_date,
        min(horizon_days) as horizon_days
    from predictions
    group by outcome
),

horizons as (
    select distinct
        as_of_date,
        horizon_days
    from scored_users
),

-- the last whole horizon, and in a shop of few orders as much of a year as has 200 purchase days
spending_dates as (
    select
        horizons.horizon_days,
        user_days.event_date,
        {{ days_ago }} <= horizons.horizon_days as is_in_last_horizon,
        (sum(count(*)) over (partition by horizons.horizon_days order by user_days.event_date desc)) - count(*) as later_purchase_days
    from user_days
    cross join horizons
    where
        user_days.purchases > 0
        and user_days.event_date < horizons.as_of_date
        and {{ days_ago }} <= greatest(horizons.horizon_days, 365)
    group by horizons.horizon_days, user_days.event_date, horizons.as_of_date
),

purchase_days as (
    select
        spending_dates.horizon_days,
        spending_dates.is_in_last_horizon,
        user_days.user_id,
        user_days.revenue
    from user_days
    inner join spending_dates on user_days.event_date = spending_dates.event_date
    where
        user_days.purchases > 0
        and (spending_dates.is_in_last_horizon or spending_dates.later_purchase_days < 200)
),

last_horizon as (
    select
        horizon_days,
        {{ ratio('count(*)', 'count(distinct user_id)') }} as purchase_days_per_buyer
    from purchase_days
    where is_in_last_horizon
    group by horizon_days
),

-- by amount, since many days have the same: what is sorted stays small
paid_amounts as (
    select
        horizon_days,
        revenue,
        count(*) as days,
        cast(sum(count(*)) over (partition by horizon_days order by revenue) as {{ dbt.type_bigint() }}) as days_up_to_here,
        cast(sum(count(*)) over (partition by horizon_days) as {{ dbt.type_bigint() }}) as all_days
    from purchase_days
    where revenue > 0
    group by horizon_days, revenue
),

middle_half as (
    select
        horizon_days,
        all_days,
        cast(
            greatest(
                least(days_up_to_here, all_days - ceil(all_days / 4.0)) - greatest(days_up_to_here - days, floor(all_days / 4.0)),
                0
            ) as decimal(18, 0)
        ) as days,
        cast(ln(revenue) as decimal(18, 12)) as log_revenue
    from paid_amounts
),

-- The most that a purchase day counts for, so that no order moves what is expected of others by much: it adds at most 1/30 to
-- the mean, and moves the middle half by one place. A bound that grows with the number of values costs the mean least
-- (Bubeck, Cesa-Bianchi & Lugosi, Bandits with heavy tail, 2013). It is a multiple of the geometric mean of the middle half.
bound as (
    select
        horizon_days,
        least(greatest({{ ratio('max(all_days)', '40') }}, 3), 100)
        * exp({{ ratio('sum(days * log_revenue)', 'sum(days)') }}) as most_revenue
    from middle_half
    group by horizon_days
),

shop_spend as (
    select
        purchase_days.horizon_days,
        max(bound.most_revenue) as most_revenue,
        {{ ratio(
            'sum(case when purchase_days.revenue > bound.most_revenue then cast(bound.most_revenue as decimal(18, 4))'
            ~ ' else purchase_days.revenue end)',
            'count(*)'
        ) }} as revenue_per_purchase_day
    from purchase_days
    left join bound on purchase_days.horizon_days = bound.horizon_days
    group by purchase_days.horizon_days
),

-- of a user's own days the largest is bounded, too, unless the others are nearly as large
bounded_users as (
    select
        user_features.user_id,
        horizons.horizon_days,
        user_features.purchase_days,
        user_features.days_since_last_purchase,
        shop_spend.revenue_per_purchase_day as shop_mean,
        case
            when user_features.largest_purchase_day_revenue > shop_spend.most_revenue
                then user_features.revenue - user_features.largest_purchase_day_revenue + least(
                    user_features.largest_purchase_day_revenue,
                    greatest(
                        shop_spend.most_revenue,
                        3 * {{ ratio(
                            'user_features.revenue - user_features.largest_purchase_day_revenue',
                            'greatest(user_features.purchase_days - 1, 1)'
                        ) }}
                    )
                )
            else user_features.revenue
        end / greatest(user_features.purchase_days, 1) as own_mean
    from user_features
    cross join horizons
    left join shop_spend on horizons.horizon_days = shop_spend.horizon_days
),

-- The user's own mean, drawn towards the shop's by the weight of two purchase days: credibility (Buehlmann, Experience Rating and
-- Credibility, 1967) of the logarithm, since amounts differ by factors. Without a mean of the shop the user's stands.
user_spend as (
    select
        user_id,
        horizon_days,
        days_since_last_purchase,
        case
            when shop_mean is null then own_mean
            else power(own_mean, {{ ratio('purchase_days', 'purchase_days + 2') }}) * power(shop_mean, {{ ratio('2', 'purchase_days + 2') }})
        end as revenue_per_purchase_day
    from bounded_users
),

-- who can be among the places is ranked by two columns, and only who is selected gets the others
ranked_users as (
    {{ ranked_users('select outcome, places from scored_users') }}
),

selected_users as (
    select
        predictions.user_id,
        predictions.outcome,
        predictions.as_of_date,
        predictions.horizon_days,
        predictions.probability,
        predictions.model_name,
        predictions.model_version,
        scored_users.user_count,
        predictions.probability / nullif(scored_users.mean_probability, 0) as lift,
        {{ further_days | replace('probability', 'predictions.probability') }}
        * scored_users.mean_probability / nullif(scored_users.mean_further_days, 0) as further_days,
        ranked_users.rank as buyer_rank
    from ranked_users
    inner join scored_users on ranked_users.outcome = scored_users.outcome
    inner join predictions on ranked_users.user_id = predictions.user_id and ranked_users.outcome = predictions.outcome
    where
        ranked_users.rank <= scored_users.places
        {%- if var('min_probability') is not none %}
        and predictions.probability >= {{ var('min_probability') }}
        {%- endif %}
        {%- if var('min_lift') is not none %}
        and predictions.probability / nullif(scored_users.mean_probability, 0) >= {{ var('min_lift') }}
        {%- endif %}
),

-- counting by a number takes less than by a text: of the places on all lists a user's first
listed_users as (
    select
        user_id,
        as_of_date,
        min(buyer_rank * {{ outcomes() | length }} + case outcome
            {%- for outcome in outcomes() %} when '{{ outcome.name }}' then {{ loop.index0 }}{% endfor %} end) as listed_user
    from selected_users
    group by user_id, as_of_date
),

-- what they like lately: a history of years is not read again every day
liked_categories as (
    select
        listed_users.listed_user,
        events.category,
        row_number() over (
            partition by listed_users.listed_user
            order by
                count(*) desc,
                count(case when events.event_type = 'purchase' then 1 end) desc,
                max(events.event_time) desc,
                events.category asc
        ) as liking_rank
    from events
    inner join listed_users on events.user_id = listed_users.user_id
    where
        events.category is not null
        and events.event_date < listed_users.as_of_date
        and {{ dbt.datediff('events.event_date', 'listed_users.as_of_date', 'day') }} <= {{ liked_days }}
        {%- if days and days[0] %}
        and {{ between_days(days[0], days[1]) }}
        {%- endif %}
    group by listed_users.listed_user, events.category
),

favourite_categories as (
    select
        listed_users.user_id,
        liked_categories.category
    from liked_categories
    inner join listed_users on liked_categories.listed_user = listed_users.listed_user
    where liked_categories.liking_rank = 1
),

top_buyers as (
    select
        selected_users.user_id,
        selected_users.outcome,
        selected_users.as_of_date,
        selected_users.horizon_days,
        selected_users.model_name,
        selected_users.model_version,
        selected_users.buyer_rank as rank,
        {{ ratio('100 * (selected_users.user_count - selected_users.buyer_rank + 1)', 'selected_users.user_count') }} as percentile,
        cast(ceil({{ ratio('10 * selected_users.buyer_rank', 'selected_users.user_count') }}) as {{ dbt.type_int() }}) as decile,
        selected_users.probability,
        selected_users.lift,
        -- the user's own mean, drawn towards the shop's as if by one more purchase day at the shop's mean
        -- all users together have the last horizon's purchase days per buyer; the likelier have more of those beyond the first
        case
            -- of who buys shoes nobody can tell how much of the money goes into shoes
            when selected_users.outcome in ({{ priced }}) then cast(
                (
                    selected_users.probability
                    + coalesce(selected_users.further_days * (last_horizon.purchase_days_per_buyer - 1), 0)
                )
                * user_spend.revenue_per_purchase_day
                as decimal(18, 2)
            )
        end as expected_revenue,
        user_spend.days_since_last_purchase,
        favourite_categories.category as favourite_category
    from selected_users
    inner join user_spend
        on selected_users.user_id = user_spend.user_id and selected_users.horizon_days = user_spend.horizon_days
    left join last_horizon on selected_users.horizon_days = last_horizon.horizon_days
    left join favourite_categories on selected_users.user_id = favourite_categories.user_id
),

typed_top_buyers as (
    select
        user_id,
        outcome,
        as_of_date,
        horizon_days,
        rank,
        percentile,
        decile,
        probability,
        lift,
        expected_revenue,
        cast(days_since_last_purchase as {{ dbt.type_int() }}) as days_since_last_purchase,
        favourite_category,
        model_name,
        model_version
    from top_buyers
)

select * from typed_top_buyers
