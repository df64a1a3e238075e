{%- do check_as_of(ref('user_days')) %}

with user_days as (
    select * from {{ ref('user_days') }}
),

-- a hash of the id picks the same users whatever the order of rows and however the shop grows
training_users as (
    select user_id
    from (
        select
            user_id,
            row_number() over (order by md5(user_id), user_id) as user_number
        from (
            select distinct user_id
            from user_days
            where event_date < {{ as_of_date(ref('user_days')) }}
        ) as known_users
    ) as numbered_users
    where user_number <= {{ var('training_users') }}
),

cutoffs as (
    {{ training_cutoffs(ref('user_days')) }}
),

features as (
    {{ user_features('cutoffs', ref('user_days'), users='training_users') }}
),

buyers as (
    select distinct
        user_days.user_id,
        cutoffs.cutoff_date
    from user_days
    inner join cutoffs
        on
            user_days.event_date >= cutoffs.cutoff_date
            and user_days.event_date < {{ dbt.dateadd('day', var('horizon_days'), 'cutoffs.cutoff_date') }}
    where user_days.purchases > 0
),

examples as (
    select
        features.*,
        buyers.user_id is not null as label
    from features
    left join buyers
        on
            features.user_id = buyers.user_id
            and features.cutoff_date = buyers.cutoff_date
)

select * from examples
