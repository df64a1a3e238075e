-- One row per class of probability: users in it now, of these on the list, and users in it in the earlier scores.
with edges as (
    select
        edge as low,
        lead(edge) over (order by edge) as high
    from (
        values
        (0.0), (0.001), (0.002), (0.005), (0.01), (0.02), (0.05), (0.1), (0.2), (0.3), (0.4), (0.5), (0.6), (0.7), (0.8),
        (0.9), (1.0)
    ) as edges (edge)
),

-- the last class has its upper end in it
classes as (
    select
        low,
        high,
        case when high = 1 then 2 else high end as below
    from edges
    where high is not null
),

scores_now as (
    select
        predictions.probability,
        top_buyers.user_id is not null as is_listed
    from gold.predictions as predictions
    left join gold.top_buyers as top_buyers on predictions.user_id = top_buyers.user_id
),

users_now as (
    select
        classes.low,
        count(*) as users,
        count(case when scores_now.is_listed then 1 end) as listed_users,
        cast(sum(cast(scores_now.probability as decimal(18, 12))) as double) as expected_buyers
    from scores_now
    inner join classes on scores_now.probability >= classes.low and scores_now.probability < classes.below
    group by classes.low
),

users_earlier as (
    select
        classes.low,
        count(*) as users
    from gold.prediction_history as scores_earlier
    inner join classes on scores_earlier.probability >= classes.low and scores_earlier.probability < classes.below
    where
        scores_earlier.as_of_date = $as_of_date
        and scores_earlier.model_name = $model_name
        and scores_earlier.model_version = $model_version
    group by classes.low
)

select
    cast(classes.low as double) as low,
    cast(classes.high as double) as high,
    coalesce(users_now.users, 0) as users,
    coalesce(users_now.listed_users, 0) as listed_users,
    coalesce(users_now.expected_buyers, 0) as expected_buyers,
    coalesce(users_earlier.users, 0) as earlier_users
from classes
left join users_now on classes.low = users_now.low
left join users_earlier on classes.low = users_earlier.low
order by classes.low
