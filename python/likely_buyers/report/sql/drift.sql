-- One row: the users of the current and of the earlier scores.
with scores_earlier as (
    select
        user_id,
        probability
    from gold.prediction_history
    where
        as_of_date = $as_of_date
        and model_name = $model_name
        and model_version = $model_version
)

select
    count(scores_earlier.user_id) as earlier_users,
    count(case when predictions.user_id is not null and scores_earlier.user_id is not null then 1 end) as users_in_both,
    count(case when scores_earlier.user_id is null then 1 end) as new_users,
    cast(sum(cast(scores_earlier.probability as decimal(18, 12))) as double)
    / nullif(count(scores_earlier.user_id), 0) as earlier_mean_probability,
    cast(sum(cast(predictions.probability as decimal(18, 12))) as double)
    / nullif(count(predictions.user_id), 0) as mean_probability
from (
    select * from gold.predictions
    where outcome = $outcome
) as predictions
full join scores_earlier on predictions.user_id = scores_earlier.user_id
