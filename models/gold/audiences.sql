{{ config(materialized="incremental", incremental_strategy="append", full_refresh=false, pre_hook="{{ add_outcome() }}") }}

with scored_users as (
    select
        outcome,
        count(*) as user_count,
        max(as_of_date) as as_of_date
    from {{ ref('predictions') }}
    group by outcome
),

-- A list is made once, by the first build whose scores speak from its start_date or later, and never touched again.
-- Shares are decimal: 0.07 of 6,000 users are 420 and not, by a floating-point hair, 421.
due_campaigns as (
    select
        campaigns.*,
        scored_users.outcome as ranked_by,
        case
            when campaigns.top_fraction is not null
                then ceil(scored_users.user_count * cast(campaigns.top_fraction as decimal(18, 12)))
            when campaigns.size is not null then campaigns.size
            else scored_users.user_count
        end as places,
        campaigns.top_fraction is null and campaigns.size is null as is_left_to_the_money
    from {{ ref('campaigns') }} as campaigns
    inner join scored_users on coalesce(campaigns.outcome, '{{ outcomes()[0].name }}') = scored_users.outcome
    where
        campaigns.start_date <= scored_users.as_of_date
        {%- if is_incremental() %}
        and campaigns.campaign not in (select distinct made.campaign from {{ this }} as made)
        {%- endif %}
),

-- nothing due, nobody to rank
ranked_users as (
    {{ ranked_users('select ranked_by as outcome, max(places) as places from due_campaigns group by ranked_by') }}
),

listed_users as (
    select
        due_campaigns.*,
        predictions.user_id,
        predictions.probability,
        predictions.as_of_date,
        predictions.horizon_days,
        predictions.model_name,
        predictions.model_version,
        ranked_users.rank,
        cast(predictions.probability * due_campaigns.margin - due_campaigns.cost_per_contact as double) as expected_profit
    from ranked_users
    inner join due_campaigns
        on ranked_users.outcome = due_campaigns.ranked_by and ranked_users.rank <= due_campaigns.places
    inner join {{ ref('predictions') }} as predictions
        on ranked_users.user_id = predictions.user_id and ranked_users.outcome = predictions.outcome
    where
        (
            not due_campaigns.is_left_to_the_money
            or predictions.probability * due_campaigns.margin > due_campaigns.cost_per_contact
        )
        and predictions.probability >= coalesce(due_campaigns.min_probability, 0)
),

audiences as (
    select
        campaign,
        ranked_by as outcome,
        user_id,
        -- of the campaign, its control_share and the user alone, so nobody changes sides whatever is built again; and between
        -- campaigns it is as good as independent
        case
            when {{ hash_fraction(dbt.hash('campaign') ~ ' || user_id') }} < control_share then 'control'
            else 'treated'
        end as arm,
        rank,
        probability,
        expected_profit,
        as_of_date,
        horizon_days,
        model_name,
        model_version,
        start_date,
        top_fraction,
        size,
        min_probability,
        margin,
        cost_per_contact,
        control_share
    from listed_users
)

select * from audiences
