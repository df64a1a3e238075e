-- the seed has the name campaigns among dbt's nodes; the table is gold.campaigns
{{ config(materialized="incremental", incremental_strategy="append", alias="campaigns") }}

with campaign_sums as (
    select
        campaign,
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
        campaign, as_of_date, horizon_days, model_name, model_version, start_date, top_fraction, size,
        min_probability, margin, cost_per_contact, control_share
),

powered_campaigns as (
    select
        campaign_sums.*,
        {{ detectable_difference('expected_base_rate', 'treated_users', 'control_users') }} as detectable_difference
    from campaign_sums
),

campaigns as (
    select
        campaign,
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
