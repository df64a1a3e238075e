-- Nobody outside an outcome's list is likelier than somebody in it,
-- and its ranks run from 1 without a gap.
with selected as (
    select
        outcome,
        count(*) as buyers,
        max(rank) as last_rank,
        min(probability) as lowest_probability
    from {{ ref('top_buyers') }}
    group by outcome
),

likelier_outside as (
    select
        selected.outcome,
        count(*) as users
    from {{ ref('predictions') }} as predictions
    inner join selected
        on predictions.outcome = selected.outcome and predictions.probability > selected.lowest_probability
    left join {{ ref('top_buyers') }} as top_buyers
        on predictions.user_id = top_buyers.user_id and predictions.outcome = top_buyers.outcome
    where top_buyers.user_id is null
    group by selected.outcome
)

select
    selected.outcome,
    selected.buyers,
    selected.last_rank,
    likelier_outside.users as likelier_outside
from selected
left join likelier_outside on selected.outcome = likelier_outside.outcome
where selected.buyers <> selected.last_rank or likelier_outside.users > 0
