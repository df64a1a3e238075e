{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["as_of_date", "model_name", "model_version"],
        pre_hook="{{ add_outcome() }}",
    )
}}

{%- set top_percents = [1, 5, 10, 20] %}

-- which sets are due, model_performance_deciles has found out: those whose tenths are of another outcome than is known here
with due_sets as (
    select
        outcome,
        as_of_date,
        model_name,
        model_version,
        horizon_days,
        cast(sum(users) as {{ dbt.type_bigint() }}) as users,
        min(purchase_digest) as purchase_digest
    from {{ ref('model_performance_deciles') }}
    group by outcome, as_of_date, model_name, model_version, horizon_days
    {%- if is_incremental() %}
    except
    select
        outcome,
        as_of_date,
        model_name,
        model_version,
        horizon_days,
        users,
        purchase_digest
    from {{ this }}
    {%- endif %}
),

score_groups as (
    {{ score_groups() }}
),

calibration as (
    select
        deciles.as_of_date,
        deciles.model_name,
        deciles.model_version,
        sum(deciles.users) as users,
        {{ exact_sum('deciles.actual_buyers') }} as buyers,
        {{ exact_sum('abs(deciles.predicted_buyers - deciles.actual_buyers)') }} as misplaced_buyers
    from {{ ref('model_performance_deciles') }} as deciles
    inner join due_sets
        on
            deciles.as_of_date = due_sets.as_of_date
            and deciles.model_name = due_sets.model_name
            and deciles.model_version = due_sets.model_version
    group by deciles.as_of_date, deciles.model_name, deciles.model_version
),

ranked_groups as (
    select
        score_groups.*,
        users - buyers as others,
        (set_users - set_buyers) - (users_above - buyers_above) - (users - buyers) as others_below,
        {{ ratio('buyers_above + buyers', 'users_above + users') }} as precision_down_to_here,
        -- as scikit-learn and likely_buyers.evaluation do, 1e-15 away from a certainty whose loss would be infinite
        least(greatest(probability, 1e-15), 1 - 1e-15) as uncertain_probability
        {%- for percent in top_percents %},
        greatest(least(ceil(set_users * {{ percent }} / 100.0) - users_above, users), 0) as users_in_top_{{ percent }}
        {%- endfor %}
    from score_groups
),

totals as (
    select
        as_of_date,
        model_name,
        model_version,
        max(set_users) as users,
        max(set_buyers) as buyers,
        -- twice the pairs of a buyer and a non-buyer that are ranked right, so that a tie, which is half right, counts 1
        sum(buyers * (2 * others_below + others)) as doubled_right_pairs,
        {{ exact_sum('buyers * precision_down_to_here') }} as precision_sum,
        {%- for percent in top_percents %}
        sum(users_in_top_{{ percent }}) as users_in_top_{{ percent }},
        {{ exact_sum('users_in_top_' ~ percent ~ ' * ' ~ ratio('buyers', 'users')) }} as buyers_in_top_{{ percent }},
        {%- endfor %}
        {{ exact_sum('users * probability') }} as predicted_buyers,
        {{ exact_sum(
            'buyers * (1 - probability) * (1 - probability) + others * probability * probability'
        ) }} as squared_errors,
        {{ exact_sum(
            '-buyers * ln(uncertain_probability) - others * ln(1 - uncertain_probability)'
        ) }} as losses
    from ranked_groups
    group by as_of_date, model_name, model_version
),

-- null, not an error, where a figure is not defined: nobody bought, or everybody
model_performance as (
    select
        due_sets.outcome,
        totals.as_of_date,
        due_sets.horizon_days,
        totals.model_name,
        totals.model_version,
        cast(totals.users as {{ dbt.type_bigint() }}) as users,
        cast(totals.buyers as {{ dbt.type_bigint() }}) as buyers,
        {{ ratio('totals.buyers', 'totals.users') }} as base_rate,
        {{ ratio('totals.doubled_right_pairs', '2 * totals.buyers * (totals.users - totals.buyers)') }} as roc_auc,
        {{ ratio('totals.precision_sum', 'totals.buyers') }} as average_precision,
        {%- for percent in top_percents %}
        {{ ratio(
            'totals.buyers_in_top_' ~ percent ~ ' * totals.users',
            'totals.users_in_top_' ~ percent ~ ' * totals.buyers'
        ) }} as lift_{{ percent }}pct,
        {%- endfor %}
        {%- for percent in top_percents %}
        {{ ratio('totals.buyers_in_top_' ~ percent, 'totals.buyers') }} as recall_{{ percent }}pct,
        {%- endfor %}
        {{ ratio('totals.squared_errors', 'totals.users') }} as brier,
        {{ ratio('totals.losses', 'totals.users') }} as log_loss,
        {{ ratio('calibration.misplaced_buyers', 'totals.users') }} as ece,
        {{ ratio('totals.predicted_buyers', 'totals.buyers') }} as expected_over_observed,
        due_sets.purchase_digest
    from totals
    -- deciles of an earlier outcome leave the set due, for the build that has both
    inner join calibration
        on
            totals.as_of_date = calibration.as_of_date
            and totals.model_name = calibration.model_name
            and totals.model_version = calibration.model_version
            and totals.users = calibration.users
            and abs(totals.buyers - calibration.buyers) < 0.5
    inner join due_sets
        on
            totals.as_of_date = due_sets.as_of_date
            and totals.model_name = due_sets.model_name
            and totals.model_version = due_sets.model_version
)

select * from model_performance
