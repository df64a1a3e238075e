-- Every campaign whose horizon is over by as_of has its results, of all the users of its list.
select
    campaigns.campaign,
    campaigns.users,
    results.treated_users,
    results.control_users
from {{ ref('listed_campaigns') }} as campaigns
left join {{ ref('campaign_results') }} as results on campaigns.campaign = results.campaign
where
    {{ horizon_end('campaigns') }} <= {{ as_of_date(ref('user_days')) }}
    and campaigns.outcome in ({{ outcome_names() }})
    and (results.campaign is null or campaigns.users <> results.treated_users + results.control_users)
