{{ config(materialized="incremental", incremental_strategy="delete+insert", unique_key="campaign") }}

with due_results as (
    {{ due_campaign_results(ref('listed_campaigns'), ref('user_days')) }}
),

due_campaigns as (
    select
        campaigns.campaign,
        campaigns.as_of_date,
        campaigns.horizon_days,
        campaigns.margin,
        campaigns.contact_cost,
        due_results.purchase_digest
    from {{ ref('listed_campaigns') }} as campaigns
    inner join due_results on campaigns.campaign = due_results.campaign
),

horizon_purchases as (
    select
        due_campaigns.campaign,
        user_days.user_id,
        sum(user_days.revenue) as revenue
    from due_campaigns
    inner join {{ ref('user_days') }} as user_days
        on
            due_campaigns.as_of_date <= user_days.event_date
            and {{ horizon_end('due_campaigns') }} > user_days.event_date
    where user_days.purchases > 0
    group by due_campaigns.campaign, user_days.user_id
),

-- everybody who was listed counts in the arm of the list, reached or not
outcomes as (
    select
        due_campaigns.campaign,
        audiences.arm,
        case when purchases.user_id is not null then 1 end as bought,
        {{ as_double('coalesce(purchases.revenue, 0)') }} as revenue
    from due_campaigns
    inner join {{ ref('audiences') }} as audiences on due_campaigns.campaign = audiences.campaign
    left join horizon_purchases as purchases
        on audiences.campaign = purchases.campaign and audiences.user_id = purchases.user_id
),

arms as (
    select
        campaign,
        {%- for arm in ['treated', 'control'] %}
        count(case when arm = '{{ arm }}' then 1 end) as {{ arm }}_users,
        count(case when arm = '{{ arm }}' then bought end) as {{ arm }}_buyers,
        coalesce({{ exact_sum("case when arm = '" ~ arm ~ "' then revenue end") }}, 0) as {{ arm }}_revenue,
        {{ exact_sum("case when arm = '" ~ arm ~ "' then revenue * revenue end") }} as {{ arm }}_squared_revenue
        {{- ',' if not loop.last }}
        {%- endfor %}
    from outcomes
    group by campaign
),

rates as (
    select
        arms.*,
        {%- for arm in ['treated', 'control'] %}
        {{ ratio(arm ~ '_buyers', arm ~ '_users') }} as {{ arm }}_rate,
        {{ ratio(arm ~ '_revenue', arm ~ '_users') }} as revenue_per_{{ arm }}_user,
        -- squared standard error of the mean
        greatest({{ arm }}_squared_revenue - power({{ arm }}_revenue, 2) / nullif({{ arm }}_users, 0), 0)
        / nullif({{ arm }}_users - 1, 0) / nullif({{ arm }}_users, 0) as {{ arm }}_squared_error
        {{- ',' if not loop.last }}
        {%- endfor %}
    from arms
),

differences as (
    select
        rates.*,
        treated_rate - control_rate as rate_difference,
        {{ rate_difference_bound('low') }} as rate_difference_low,
        {{ rate_difference_bound('high') }} as rate_difference_high,
        revenue_per_treated_user - revenue_per_control_user as revenue_difference,
        {{ z_of_95_percent() }} * sqrt(treated_squared_error + control_squared_error) as revenue_difference_margin
    from rates
),

-- null, not an error, where a figure is not defined: an arm is empty, or nobody of the control group bought
campaign_results as (
    select
        due_campaigns.campaign,
        due_campaigns.as_of_date,
        due_campaigns.horizon_days,
        differences.treated_users,
        differences.control_users,
        differences.treated_buyers,
        differences.control_buyers,
        differences.treated_rate,
        differences.control_rate,
        differences.rate_difference,
        differences.rate_difference_low,
        differences.rate_difference_high,
        {{ ratio('differences.rate_difference', 'differences.control_rate') }} as relative_lift,
        {%- for end in ['', '_low', '_high'] %}
        differences.rate_difference{{ end }} * differences.treated_users as incremental_buyers{{ end }},
        {%- endfor %}
        differences.revenue_per_treated_user,
        differences.revenue_per_control_user,
        differences.revenue_difference * differences.treated_users as incremental_revenue,
        {%- for end, sign in [('low', '-'), ('high', '+')] %}
        (differences.revenue_difference {{ sign }} differences.revenue_difference_margin) * differences.treated_users
            as incremental_revenue_{{ end }},
        {%- endfor %}
        due_campaigns.contact_cost,
        {%- for end in ['', '_low', '_high'] %}
        {{ as_double(
            'differences.rate_difference' ~ end ~ ' * differences.treated_users * due_campaigns.margin'
            ~ ' - due_campaigns.contact_cost'
        ) }} as incremental_margin{{ end }},
        {%- endfor %}
        due_campaigns.purchase_digest
    from due_campaigns
    inner join differences on due_campaigns.campaign = differences.campaign
)

select * from campaign_results
