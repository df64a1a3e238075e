-- One row per set of scores whose horizon is over, the latest $sets of them, oldest first.
with latest_sets as (
    select * exclude (purchase_digest)
    from gold.model_performance
    where model_name = $model_name
    order by as_of_date desc, model_version desc
    limit $sets
)

select
    latest_sets.*,
    cast(as_of_date + horizon_days - 1 as date) as last_horizon_day
from latest_sets
order by as_of_date, model_version
