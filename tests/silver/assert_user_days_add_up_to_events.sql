-- Every event is counted on exactly one user day, and so is every purchase.
with totals as (
    select
        (select count(*) from {{ ref('events') }}) as events,
        (select coalesce(sum(events), 0) from {{ ref('user_days') }}) as events_in_user_days,
        (select count(*) from {{ ref('events') }} where event_type = 'purchase') as purchases,
        (select coalesce(sum(purchases), 0) from {{ ref('user_days') }}) as purchases_in_user_days
)

select * from totals
where events <> events_in_user_days or purchases <> purchases_in_user_days
