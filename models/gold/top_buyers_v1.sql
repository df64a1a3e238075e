select
    user_id,
    as_of_date,
    horizon_days,
    rank,
    percentile,
    decile,
    probability,
    lift,
    expected_revenue,
    days_since_last_purchase,
    favourite_category,
    model_name,
    model_version
from {{ ref('top_buyers', v=2) }}
where outcome = '{{ outcomes()[0].name }}'
