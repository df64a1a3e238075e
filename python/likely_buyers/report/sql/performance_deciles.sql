-- One row per tenth of the users of a set of scores, the likeliest first.
select
    decile,
    users,
    mean_probability,
    actual_rate,
    predicted_buyers,
    actual_buyers,
    sum(users) over down_to_here / sum(users) over () as contacted,
    sum(actual_buyers) over down_to_here / nullif(sum(actual_buyers) over (), 0) as found,
    sum(predicted_buyers) over down_to_here / nullif(sum(predicted_buyers) over (), 0) as predicted
from gold.model_performance_deciles
where
    as_of_date = $as_of_date
    and model_name = $model_name
    and model_version = $model_version
window down_to_here as (order by decile rows between unbounded preceding and current row)
order by decile
