-- One row per tenth of the earlier scores: its users then and now, and what it adds to the population stability index,
-- (share now - share then) * ln(share now / share then). An empty class counts as half a user, to keep the logarithm
-- finite. Users of equal probability stay together, so a tenth may be larger or missing.
with scores_earlier as (
    select probability from gold.prediction_history
    where
        as_of_date = $as_of_date
        and model_name = $model_name
        and model_version = $model_version
),

edges as (
    select list_sort(list_distinct(
        quantile_disc(probability, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    )) as edges
    from scores_earlier
),

placed_scores as (
    select
        'earlier' as scores,
        len(list_filter(edges.edges, lambda edge: edge < scores_earlier.probability)) as tenth
    from scores_earlier
    cross join edges
    union all
    select
        'now' as scores,
        len(list_filter(edges.edges, lambda edge: edge < predictions.probability)) as tenth
    from gold.predictions as predictions
    cross join edges
    where predictions.outcome = $outcome
),

tenths as (
    select
        tenth,
        count(case when scores = 'earlier' then 1 end) as earlier_users,
        count(case when scores = 'now' then 1 end) as users
    from placed_scores
    group by tenth
),

shares as (
    select
        tenths.*,
        earlier_users / sum(earlier_users) over () as earlier_share,
        users / sum(users) over () as share,
        greatest(earlier_users, 0.5) / sum(earlier_users) over () as earlier_share_above_zero,
        greatest(users, 0.5) / sum(users) over () as share_above_zero
    from tenths
)

select
    case when shares.tenth = 0 then 0.0 else edges.edges[shares.tenth] end as low,
    case when shares.tenth = len(edges.edges) then 1.0 else edges.edges[shares.tenth + 1] end as high,
    shares.earlier_users,
    shares.users,
    shares.earlier_share,
    shares.share,
    (shares.share_above_zero - shares.earlier_share_above_zero)
    * ln(shares.share_above_zero / shares.earlier_share_above_zero) as contribution
from shares
cross join edges
order by shares.tenth
