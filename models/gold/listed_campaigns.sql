-- the seed has the name campaigns among dbt's nodes; the table is gold.campaigns
{{ config(materialized="incremental", incremental_strategy="append", alias="campaigns", pre_hook="{{ add_outcome() }}") }}

{#- of the standard normal distribution: the quantiles of an interval of 95 %, both sides, and of a power of 80 % -#}
{%- set z_squared = 'power(1.959963984540054 + 0.8416212335729143, 2)' %}

with campaign_sums as (
    select
        campaign,
        outcome,
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
        control_share,
        count(*) as users,
        count(case when arm = 'treated' then 1 end) as treated_users,
        count(case when arm = 'control' then 1 end) as control_users,
        {{ exact_sum('probability') }} / count(*) as expected_base_rate,
        coalesce({{ exact_sum("case when arm = 'treated' then probability end") }}, 0) as expected_buyers,
        coalesce({{ exact_sum("case when arm = 'treated' then expected_profit end") }}, 0) as expected_profit
    from {{ ref('audiences') }}
    {%- if is_incremental() %}
    where campaign not in (select known.campaign from {{ this }} as known)
    {%- endif %}
    group by
        campaign, outcome, as_of_date, horizon_days, model_name, model_version, start_date, top_fraction, size,
        min_probability, margin, cost_per_contact, control_share
),

-- The smallest rise d of a purchase rate p that a comparison of two arms finds with a power of 80 %, tested two-sided
-- at 5 %, by the normal approximation for two proportions with the variance of each arm (Chow, Shao and Wang, Sample
-- Size Calculations in Clinical Research, section 4.2; arms of unequal size as there):
--     d^2 = z^2 (p (1 - p) / control + (p + d) (1 - p - d) / treated),    z = z(0.975) + z(0.8)
-- which is a quadratic equation in d, solved for its positive root. Null where an arm is empty, p is null, or even a
-- rate of 1 would not be enough.
weighed_campaigns as (
    select
        campaign_sums.*,
        {{ z_squared }} / nullif(treated_users, 0) as treated_weight,
        {{ z_squared }} / nullif(control_users, 0) as control_weight
    from campaign_sums
),

solved_campaigns as (
    select
        weighed_campaigns.*,
        (
            treated_weight * (1 - 2 * expected_base_rate)
            + sqrt(
                power(treated_weight * (1 - 2 * expected_base_rate), 2)
                + 4 * (1 + treated_weight) * expected_base_rate * (1 - expected_base_rate) * (treated_weight + control_weight)
            )
        ) / (2 * (1 + treated_weight)) as positive_root
    from weighed_campaigns
),

powered_campaigns as (
    select
        solved_campaigns.*,
        case when expected_base_rate + positive_root <= 1 then positive_root end as detectable_difference
    from solved_campaigns
),

campaigns as (
    select
        campaign,
        outcome,
        start_date,
        as_of_date,
        horizon_days,
        model_name,
        model_version,
        top_fraction,
        size,
        min_probability,
        margin,
        cost_per_contact,
        control_share,
        users,
        treated_users,
        control_users,
        expected_base_rate,
        expected_buyers,
        cast(treated_users * cost_per_contact as decimal(38, 4)) as contact_cost,
        expected_profit,
        detectable_difference,
        {{ ratio('detectable_difference', 'expected_base_rate') }} as detectable_relative_lift
    from powered_campaigns
)

select * from campaigns
