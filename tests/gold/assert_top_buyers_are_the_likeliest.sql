-- Nobody outside top_buyers is likelier than somebody in it,
-- and the ranks run from 1 without a gap.
with selected as (
    select
        count(*) as buyers,
        max(rank) as last_rank,
        min(probability) as lowest_probability
    from {{ ref('top_buyers') }}
),

likelier_outside as (
    select count(*) as users
    from {{ ref('predictions') }} as predictions
    cross join selected
    where
        predictions.probability > selected.lowest_probability
        and predictions.user_id not in (select top_buyers.user_id from {{ ref('top_buyers') }} as top_buyers)
)

select
    selected.buyers,
    selected.last_rank,
    likelier_outside.users as likelier_outside
from selected
cross join likelier_outside
where selected.buyers > 0 and (selected.buyers <> selected.last_rank or likelier_outside.users > 0)
