-- One row per outcome that users are scored for: the scores, the run before, the last finished horizon, and drift.
with scored as (
    select
        outcome,
        max(as_of_date) as as_of_date,
        max(model_name) as model_name,
        max(model_version) as model_version,
        count(*) as users
    from likely_buyers.gold.predictions
    group by outcome
),

listed as (
    select
        outcome,
        count(*) as users
    from likely_buyers.gold.top_buyers
    group by outcome
),

earlier as (
    select
        scored.outcome,
        arg_max(sets.users, sets.as_of_date) as users,
        max(sets.as_of_date) as as_of_date
    from scored
    inner join likely_buyers.gold.estimated_performance as sets
        on scored.outcome = sets.outcome and scored.as_of_date > sets.as_of_date
    group by scored.outcome
),

finished as (
    select *
    from likely_buyers.gold.estimated_performance
    where actual_buyers is not null
    qualify row_number() over (partition by outcome order by as_of_date desc, model_version desc) = 1
),

drift as (
    select
        outcome,
        max(case when kind = 'score' then distance end) as score_drift,
        sum(case when kind = 'feature' then effect end) / nullif(sum(case when kind = 'feature' then importance end), 0)
            as feature_drift,
        count(case when is_drifted and kind = 'feature' then 1 end) as drifted_features,
        count(case when kind = 'feature' then 1 end) as features,
        list(name order by effect desc nulls last, name) filter (where kind = 'feature' and effect > 0) as moved_features
    from likely_buyers.gold.drift
    group by outcome
)

select
    scored.outcome,
    scored.as_of_date,
    scored.model_name,
    scored.model_version,
    scored.users,
    coalesce(listed.users, 0) as listed_users,
    earlier.users as earlier_users,
    earlier.as_of_date as earlier_as_of_date,
    current_set.expected_buyers,
    current_set.expected_buyers_low,
    current_set.expected_buyers_high,
    current_set.estimated_roc_auc,
    current_set.estimated_precision_10pct,
    current_set.past_sets,
    current_set.past_roc_auc_error,
    current_set.past_level_factor,
    finished.as_of_date as finished_as_of_date,
    finished.actual_buyers,
    finished.expected_buyers as finished_expected_buyers,
    -- nobody bought: as if one had, since a ratio that is not there would alarm nobody
    coalesce(
        finished.expected_over_observed,
        case when finished.actual_buyers = 0 then greatest(finished.expected_buyers, 1) end
    ) as expected_over_observed,
    finished.actual_roc_auc,
    finished.estimated_roc_auc as finished_estimated_roc_auc,
    finished.actual_precision_10pct,
    drift.score_drift,
    drift.feature_drift,
    drift.drifted_features,
    drift.features,
    drift.moved_features
from scored
left join listed on scored.outcome = listed.outcome
left join earlier on scored.outcome = earlier.outcome
left join finished on scored.outcome = finished.outcome
left join drift on scored.outcome = drift.outcome
left join likely_buyers.gold.estimated_performance as current_set
    on
        scored.as_of_date = current_set.as_of_date
        and scored.model_name = current_set.model_name
        and scored.model_version = current_set.model_version
order by scored.outcome
