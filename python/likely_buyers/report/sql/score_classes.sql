-- One row per class of probability: users in it now, of these on the list, and users in it in the earlier scores.
with edges as (
    select
        edge as low,
        lead(edge) over (order by edge) as high
    from (
        -- each class reaches to twice the probability of the one before; the first holds what is too small to tell apart
        select cast(0 as double) as edge
        union all
        select power(0.5, halvings) as edge
        from range(11) as halvings (halvings)
    ) as edges
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
    left join gold.top_buyers as top_buyers
        on predictions.user_id = top_buyers.user_id and predictions.outcome = top_buyers.outcome
    where predictions.outcome = $outcome
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
    classes.low,
    classes.high,
    coalesce(users_now.users, 0) as users,
    coalesce(users_now.listed_users, 0) as listed_users,
    coalesce(users_now.expected_buyers, 0) as expected_buyers,
    coalesce(users_earlier.users, 0) as earlier_users
from classes
left join users_now on classes.low = users_now.low
left join users_earlier on classes.low = users_earlier.low
order by classes.low
