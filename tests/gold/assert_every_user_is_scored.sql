-- Users in = users scored: one prediction for each row of user_features, for the same day.
select
    user_features.user_id as featured_user_id,
    predictions.user_id as scored_user_id
from {{ ref('user_features') }} as user_features
full outer join {{ ref('predictions') }} as predictions
    on
        user_features.user_id = predictions.user_id
        and user_features.as_of_date = predictions.as_of_date
where user_features.user_id is null or predictions.user_id is null
