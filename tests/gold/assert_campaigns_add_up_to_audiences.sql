-- Each list is in gold.campaigns with all of its users, treated and held back.
with arms as (
    select
        campaign,
        count(case when arm = 'treated' then 1 end) as treated_users,
        count(case when arm = 'control' then 1 end) as control_users
    from {{ ref('audiences') }}
    group by campaign
)

select
    arms.*,
    campaigns.campaign as known_campaign
from arms
full outer join {{ ref('listed_campaigns') }} as campaigns on arms.campaign = campaigns.campaign
where
    arms.campaign is null
    or campaigns.campaign is null
    or arms.treated_users <> campaigns.treated_users
    or arms.control_users <> campaigns.control_users
    or campaigns.users <> campaigns.treated_users + campaigns.control_users
