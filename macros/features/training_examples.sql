{#-
    One row per sampled user and cutoff: features at the cutoff and whether the user purchased in the horizon after it.

    cutoffs     CTE with `cutoff_date`, whose horizons are over
    user_days   relation with one row per user and day
    most_users  users known by as_of, chosen by a hash of their id: the same ones whatever the order of rows and
                however the shop grows
-#}
{% macro training_examples(cutoffs, user_days, most_users) %}
with training_users as (
    select user_id
    from (
        select distinct user_id from {{ user_days }}
        where event_date < {{ as_of_date(user_days) }}
    ) as known_users
    order by md5(user_id), user_id
    limit {{ most_users }}
),

features as (
    {{ user_features(cutoffs, user_days, users='training_users') }}
),

buyers as (
    select distinct
        user_days.user_id,
        cutoffs.cutoff_date
    from {{ user_days }} as user_days
    inner join {{ cutoffs }} as cutoffs
        on
            user_days.event_date >= cutoffs.cutoff_date
            and user_days.event_date < {{ dbt.dateadd('day', var('horizon_days'), 'cutoffs.cutoff_date') }}
    where user_days.purchases > 0
)

select
    features.*,
    buyers.user_id is not null as label
from features
left join buyers
    on features.user_id = buyers.user_id
    and features.cutoff_date = buyers.cutoff_date
{% endmacro %}
