-- One row per user of the head of the list, with up to three reasons.
with top_buyers as (
    select * from gold.top_buyers
    where outcome = $outcome and rank <= $rows
),

reasons as (
    select
        user_id,
        max(case when reason_rank = 1 then reason end) as first_reason,
        max(case when reason_rank = 2 then reason end) as second_reason,
        max(case when reason_rank = 3 then reason end) as third_reason
    from gold.top_buyer_reasons
    where outcome = $outcome and user_id in (select user_id from top_buyers)
    group by user_id
)

select
    top_buyers.rank,
    top_buyers.user_id,
    top_buyers.probability,
    top_buyers.lift,
    top_buyers.expected_revenue,
    top_buyers.days_since_last_purchase,
    top_buyers.favourite_category,
    reasons.first_reason,
    reasons.second_reason,
    reasons.third_reason
from top_buyers
left join reasons on top_buyers.user_id = reasons.user_id
order by top_buyers.rank
