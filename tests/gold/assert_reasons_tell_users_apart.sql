-- A user's reasons are numbered from 1 without a gap, the farthest above the mean of the list first, and no two speak of
-- one theme.
with numbered_reasons as (
    select
        reasons.user_id,
        reasons.reason_rank,
        row_number() over (
            partition by reasons.user_id
            order by
                reasons.contribution - greatest(reasons.mean_contribution, 0) desc,
                reasons.reason_rank asc
        ) as distance_rank,
        count(*) over (partition by reasons.user_id, feature_words.theme) as reasons_of_theme
    from {{ ref('top_buyer_reasons') }} as reasons
    inner join {{ ref('feature_words') }} as feature_words on reasons.feature = feature_words.feature
)

select * from numbered_reasons
where reason_rank <> distance_rank or reasons_of_theme > 1
