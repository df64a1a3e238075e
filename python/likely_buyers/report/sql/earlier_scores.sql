-- One row, or none: the set of scores before the current one. Sets are in the order of the day they speak from, then of
-- when they were given, so that a backfill of past days does not come between two daily runs.
with score_sets as (
    select
        as_of_date,
        horizon_days,
        model_name,
        model_version,
        min(scored_at) as scored_at,
        count(*) as users
    from gold.prediction_history
    where outcome = $outcome
    group by as_of_date, horizon_days, model_name, model_version
),

current_set as (
    select * from score_sets
    where
        as_of_date = $as_of_date
        and model_name = $model_name
        and model_version = $model_version
)

select score_sets.*
from score_sets
cross join current_set
where
    score_sets.as_of_date < current_set.as_of_date
    or (
        score_sets.as_of_date = current_set.as_of_date
        and (score_sets.scored_at, score_sets.model_name, score_sets.model_version)
        < (current_set.scored_at, current_set.model_name, current_set.model_version)
    )
order by score_sets.as_of_date desc, score_sets.scored_at desc, score_sets.model_name desc, score_sets.model_version desc
limit 1
