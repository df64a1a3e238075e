-- Users with a day before as_of = users with features: those long silent, too, and nobody from later.
with as_of as (
    select max(as_of_date) as as_of_date
    from {{ ref('user_features') }}
),

seen_users as (
    select distinct user_days.user_id
    from {{ ref('user_days') }} as user_days
    inner join as_of on user_days.event_date < as_of.as_of_date
)

select
    seen_users.user_id as seen_user_id,
    user_features.user_id as featured_user_id
from seen_users
full outer join {{ ref('user_features') }} as user_features on seen_users.user_id = user_features.user_id
where seen_users.user_id is null or user_features.user_id is null
