{{ config(materialized="incremental", incremental_strategy="delete+insert", unique_key="campaign", pre_hook="{{ add_outcome() }}") }}

{#- the quantile of the standard normal distribution of an interval of 95 %, both sides, and its square -#}
{%- set z, z_squared = '1.959963984540054', 'power(1.959963984540054, 2)' %}

with finished_campaigns as (
    select
        campaign,
        outcome,
        as_of_date,
        horizon_days,
        margin,
        contact_cost
    from {{ ref('listed_campaigns') }} as campaigns
    where
        {{ horizon_end('campaigns') }} <= {{ as_of_date(ref('user_days')) }}
        -- of an outcome that is no longer configured nobody can tell who met it: its results stay
        and outcome in ({{ outcome_names() }})
),

first_days as (
    select
        outcome,
        min(as_of_date) as first_day
    from finished_campaigns
    group by outcome
),

-- who did what a campaign's outcome asks for on which day, and for how much was purchased, whatever the outcome
purchase_digests as (
    {{ outcome_digests('first_days') }}
    union all
    select
        first_days.outcome,
        user_days.event_date,
        sum(cast({{ fast_hash(['user_id', 'event_date', 'revenue']) }} as decimal(20, 0))) as digest
    from {{ ref('user_days') }} as user_days
    cross join first_days
    where user_days.purchases > 0 and user_days.event_date >= first_days.first_day
    group by first_days.outcome, user_days.event_date
),

-- As in model_performance_deciles, a campaign is computed once, and again exactly when its outcome or a purchase of its horizon changed.
due_results as (
    select
        finished.campaign,
        coalesce(sum(purchase_digests.digest), 0) as purchase_digest
    from finished_campaigns as finished
    left join purchase_digests
        on
            finished.outcome = purchase_digests.outcome
            and finished.as_of_date <= purchase_digests.event_date
            and {{ horizon_end('finished') }} > purchase_digests.event_date
    group by finished.campaign
    {%- if is_incremental() %}
    except
    select
        campaign,
        purchase_digest
    from {{ this }}
    {%- endif %}
),

due_campaigns as (
    select
        finished_campaigns.*,
        due_results.purchase_digest
    from finished_campaigns
    inner join due_results on finished_campaigns.campaign = due_results.campaign
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

horizon_buyers as (
    {{ who_met('due_campaigns') }}
),

-- everybody who was listed counts in the arm of the list, reached or not
outcomes as (
    select
        due_campaigns.campaign,
        audiences.arm,
        case when buyers.user_id is not null then 1 end as bought,
        -- null for everybody where amounts of several currencies cannot be added up
        cast(case when purchases.user_id is null then 0 else purchases.revenue end as double) as revenue
    from due_campaigns
    inner join {{ ref('audiences') }} as audiences on due_campaigns.campaign = audiences.campaign
    left join horizon_buyers as buyers
        on
            due_campaigns.outcome = buyers.outcome
            and due_campaigns.as_of_date = buyers.as_of_date
            and due_campaigns.horizon_days = buyers.horizon_days
            and audiences.user_id = buyers.user_id
    left join horizon_purchases as purchases
        on audiences.campaign = purchases.campaign and audiences.user_id = purchases.user_id
),

arms as (
    select
        campaign,
        {%- for arm in ['treated', 'control'] %}
        count(case when arm = '{{ arm }}' then 1 end) as {{ arm }}_users,
        count(case when arm = '{{ arm }}' then bought end) as {{ arm }}_buyers,
        case
            when count(case when revenue is null then 1 end) = 0
                then coalesce({{ exact_sum("case when arm = '" ~ arm ~ "' then revenue end") }}, 0)
        end as {{ arm }}_revenue,
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

-- the 95 % score interval of a proportion (Wilson 1927); null without trials
intervals as (
    select
        rates.*,
        {%- for arm in ['treated', 'control'] %}
        {%- for end, sign in [('low', '-'), ('high', '+')] %}
        (
            2 * {{ arm }}_buyers + {{ z_squared }}
            {{ sign }} {{ z }} * sqrt({{ z_squared }} + 4 * {{ arm }}_buyers * (1 - {{ arm }}_rate))
        ) / (2 * (nullif({{ arm }}_users, 0) + {{ z_squared }})) as {{ arm }}_rate_{{ end }},
        {%- endfor %}
        {%- endfor %}
        {{ z }} * sqrt(treated_squared_error + control_squared_error) as revenue_difference_margin
    from rates
),

-- The 95 % interval of the difference of two independent proportions is the hybrid score interval, method 10 of Newcombe
-- (1998), "Interval estimation for the difference between independent proportions: comparison of eleven methods",
-- Statistics in Medicine 17, 873-890. It keeps its level where arms are small, unequal, or without a buyer, and stays
-- within -1 and 1. Null where an arm is empty.
differences as (
    select
        intervals.*,
        treated_rate - control_rate as rate_difference,
        treated_rate - control_rate
        - sqrt(power(treated_rate - treated_rate_low, 2) + power(control_rate - control_rate_high, 2)) as rate_difference_low,
        treated_rate - control_rate
        + sqrt(power(treated_rate - treated_rate_high, 2) + power(control_rate - control_rate_low, 2)) as rate_difference_high,
        revenue_per_treated_user - revenue_per_control_user as revenue_difference
    from intervals
),

-- null, not an error, where a figure is not defined: an arm is empty, or nobody of the control group bought
campaign_results as (
    select
        due_campaigns.campaign,
        due_campaigns.outcome,
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
        cast(
            differences.rate_difference{{ end }} * differences.treated_users * due_campaigns.margin - due_campaigns.contact_cost
            as double
        ) as incremental_margin{{ end }},
        {%- endfor %}
        due_campaigns.purchase_digest
    from due_campaigns
    inner join differences on due_campaigns.campaign = differences.campaign
)

select * from campaign_results
