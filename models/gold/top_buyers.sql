{{ config(materialized="table_on_change", post_hook="{{ announce_top_buyers() }}") }}

{%- set liked_days = 90 %}
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
        min(as_of_date) as as_of_date,
        min(horizon_days) as horizon_days
    from predictions
    group by outcome
),

-- what buyers did in the last whole horizon: how often they come back within it, and what a visit is worth
last_purchase_days as (
    select
        scored_users.outcome,
        user_days.user_id,
        user_days.revenue
    from user_days
    cross join scored_users
    where
        user_days.purchases > 0
        and user_days.event_date < scored_users.as_of_date
        and {{ dbt.datediff('user_days.event_date', 'scored_users.as_of_date', 'day') }} <= scored_users.horizon_days
),

median_purchase_day as (
    select
        outcome,
        cast(10 * median(cast(revenue as double)) as decimal(18, 4)) as most_revenue
    from last_purchase_days
    group by outcome
),

-- one huge order, or one price with a digit too many, must not move what is expected of everybody else
last_horizon as (
    select
        last_purchase_days.outcome,
        {{ ratio('count(*)', 'count(distinct user_id)') }} as purchase_days_per_buyer,
        {{ ratio('sum(case when revenue > most_revenue and most_revenue > 0 then most_revenue else revenue end)', 'count(*)') }} as revenue_per_purchase_day
    from last_purchase_days
    inner join median_purchase_day on last_purchase_days.outcome = median_purchase_day.outcome
    group by last_purchase_days.outcome
),

-- everybody is ranked by two columns, and only who is selected gets the others
ranked_users as (
    select
        user_id,
        outcome,
        row_number() over (partition by outcome order by probability desc nulls last, user_id asc) as buyer_rank
    from predictions
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
        ranked_users.buyer_rank
    from ranked_users
    inner join scored_users on ranked_users.outcome = scored_users.outcome
    inner join predictions on ranked_users.user_id = predictions.user_id and ranked_users.outcome = predictions.outcome
    where
        ranked_users.buyer_rank <= scored_users.places
        {%- if var('min_probability') is not none %}
        and predictions.probability >= {{ var('min_probability') }}
        {%- endif %}
        {%- if var('min_lift') is not none %}
        and predictions.probability / nullif(scored_users.mean_probability, 0) >= {{ var('min_lift') }}
        {%- endif %}
),

-- counting by a number takes less than by a text
listed_users as (
    select
        user_id,
        as_of_date,
        row_number() over (order by user_id) as listed_user
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
        100.0 * (selected_users.user_count - selected_users.buyer_rank + 1) / selected_users.user_count as percentile,
        cast(ceil(10.0 * selected_users.buyer_rank / selected_users.user_count) as {{ dbt.type_int() }}) as decile,
        selected_users.probability,
        selected_users.lift,
        -- the user's own mean, drawn towards the shop's as if by one more purchase day at the shop's mean
        -- of who buys shoes nobody can tell how much of their money goes into shoes
        case
            when selected_users.outcome in ({{ priced }}) then cast(
            selected_users.probability
            * coalesce(last_horizon.purchase_days_per_buyer, 1)
            * (user_features.revenue + coalesce(last_horizon.revenue_per_purchase_day, 0))
            -- of who never bought nothing is expected where nobody else bought lately
            / greatest(
                user_features.purchase_days + case when last_horizon.revenue_per_purchase_day is null then 0 else 1 end,
                1
            )
            as decimal(18, 2)
        ) end as expected_revenue,
        user_features.days_since_last_purchase,
        favourite_categories.category as favourite_category
    from selected_users
    inner join user_features on selected_users.user_id = user_features.user_id
    left join last_horizon on selected_users.outcome = last_horizon.outcome
    left join favourite_categories on selected_users.user_id = favourite_categories.user_id
),

typed_top_buyers as (
    select
        user_id,
        outcome,
        as_of_date,
        horizon_days,
        rank,
        cast(percentile as double) as percentile,
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
