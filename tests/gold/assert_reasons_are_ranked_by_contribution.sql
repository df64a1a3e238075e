-- A user's reasons are numbered from 1 without a gap, the largest contribution first, and no two are of one feature group.
with numbered_reasons as (
    select
        reasons.user_id,
        reasons.reason_rank,
        row_number() over (
            partition by reasons.user_id
            order by reasons.contribution desc, reasons.reason_rank asc
        ) as contribution_rank,
        count(*) over (partition by reasons.user_id, feature_labels.feature_group) as reasons_of_group
    from {{ ref('top_buyer_reasons') }} as reasons
    inner join {{ ref('feature_labels') }} as feature_labels on reasons.feature = feature_labels.feature
)

select * from numbered_reasons
where reason_rank <> contribution_rank or reasons_of_group > 1
