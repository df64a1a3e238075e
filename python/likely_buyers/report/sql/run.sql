-- One row: the scores that the page is about, and the list made from them.
with predictions as (
    select * from gold.predictions
    where outcome = $outcome
),

top_buyers as (
    select * from gold.top_buyers
    where outcome = $outcome
),

scored_users as (
    select
        min(as_of_date) as as_of_date,
        min(horizon_days) as horizon_days,
        min(model_name) as model_name,
        min(model_version) as model_version,
        min(model_digest) as model_digest,
        min(run_id) as run_id,
        min(scored_at) as scored_at,
        count(*) as users,
        -- sums over decimals: a sum of floating-point numbers would depend on the order of rows
        cast(sum(cast(probability as decimal(18, 12))) as double) as expected_buyers,
        max(probability) as highest_probability
    from predictions
),

listed_users as (
    select
        count(*) as listed_users,
        cast(coalesce(sum(cast(probability as decimal(18, 12))), 0) as double) as listed_expected_buyers,
        -- null where amounts of several currencies cannot be converted, and only there
        case when count(*) = 0 then 0 else sum(expected_revenue) end as listed_expected_revenue,
        min(probability) as listed_lowest_probability
    from top_buyers
)

select
    scored_users.*,
    listed_users.*,
    expected.expected_buyers_low,
    expected.expected_buyers_high,
    cast(scored_users.as_of_date + scored_users.horizon_days - 1 as date) as last_horizon_day
from scored_users
cross join listed_users
left join gold.expected_buyers as expected
    on
        scored_users.as_of_date = expected.as_of_date
        and scored_users.model_name = expected.model_name
        and scored_users.model_version = expected.model_version
