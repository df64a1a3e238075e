-- A user's reasons are numbered from 1 without a gap, the farthest above the mean of the list first, and no two speak of
-- one group.
with numbered_reasons as (
    select
        reasons.user_id,
        reasons.outcome,
        reasons.reason_rank,
        row_number() over (
            partition by reasons.user_id, reasons.outcome
            order by
                reasons.contribution - greatest(reasons.mean_contribution, 0) desc,
                reasons.reason_rank asc
        ) as distance_rank,
        count(*) over (partition by reasons.user_id, reasons.outcome, feature_labels.feature_group) as reasons_of_group
    from {{ ref('top_buyer_reasons') }} as reasons
    inner join {{ ref('feature_labels') }} as feature_labels on reasons.feature = feature_labels.feature
)

select * from numbered_reasons
where reason_rank <> distance_rank or reasons_of_group > 1
