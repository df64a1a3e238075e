{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["as_of_date", "model_name", "model_version"],
    )
}}

{%- set top_percents = [1, 5, 10, 20] %}

-- a set of scores is estimated once, and again where a repeated build scored somebody new
with due_sets as (
    select
        outcome,
        as_of_date,
        horizon_days,
        model_name,
        model_version,
        count(*) as users
    from {{ ref('prediction_history') }}
    group by outcome, as_of_date, horizon_days, model_name, model_version
    {%- if is_incremental() %}
    except
    select
        outcome,
        as_of_date,
        horizon_days,
        model_name,
        model_version,
        users
    from {{ this }}
    {%- endif %}
),

-- as in score_groups, users of equal probability are one group, and buyers are those expected
score_groups as (
    select
        scores.as_of_date,
        scores.model_name,
        scores.model_version,
        scores.probability,
        count(*) as users,
        cast(count(*) * scores.probability as decimal(38, 18)) as buyers
    from {{ ref('prediction_history') }} as scores
    inner join due_sets
        on
            scores.as_of_date = due_sets.as_of_date
            and scores.model_name = due_sets.model_name
            and scores.model_version = due_sets.model_version
    group by scores.as_of_date, scores.model_name, scores.model_version, scores.probability
),

summed_groups as (
    select
        score_groups.*,
        sum(users) over down_to_here as users_down_to_here,
        cast(sum(buyers) over down_to_here as double) as buyers_down_to_here,
        sum(users) over whole_set as set_users,
        cast(sum(buyers) over whole_set as double) as set_buyers
    from score_groups
    window
        whole_set as (partition by as_of_date, model_name, model_version),
        down_to_here as (
            partition by as_of_date, model_name, model_version
            order by probability desc
            rows between unbounded preceding and current row
        )
),

ranked_groups as (
    select
        summed_groups.*,
        users * (1 - probability) as others,
        users * probability * (1 - probability) as variance,
        (set_users - set_buyers) - (users_down_to_here - buyers_down_to_here) as others_below
        {%- for percent in top_percents %},
        greatest(least(ceil(set_users * {{ percent }} / 100.0) - (users_down_to_here - users), users), 0) as users_in_top_{{ percent }}
        {%- endfor %}
    from summed_groups
),

totals as (
    select
        as_of_date,
        model_name,
        model_version,
        max(set_users) as users,
        max(set_buyers) as buyers,
        {{ exact_sum('variance') }} as variance,
        -- shares of the set, so that no sum outgrows its decimal
        {{ exact_sum('users * probability * ((others_below + others / 2) / set_users)') }} as right_pairs
        {%- for percent in top_percents %},
        sum(users_in_top_{{ percent }}) as users_in_top_{{ percent }},
        {{ exact_sum('users_in_top_' ~ percent ~ ' * probability') }} as buyers_in_top_{{ percent }}
        {%- endfor %}
    from ranked_groups
    group by as_of_date, model_name, model_version
),

-- a user is no pair with itself, which would be right by half
expected_performance as (
    select
        due_sets.outcome,
        totals.as_of_date,
        due_sets.horizon_days,
        totals.model_name,
        totals.model_version,
        cast(totals.users as {{ dbt.type_bigint() }}) as users,
        totals.buyers as expected_buyers,
        {{ ratio(
            'totals.right_pairs - totals.variance / totals.users / 2',
            'totals.buyers * ((totals.users - totals.buyers) / totals.users) - totals.variance / totals.users'
        ) }} as roc_auc,
        {%- for percent in top_percents %}
        {{ ratio('totals.buyers_in_top_' ~ percent, 'totals.users_in_top_' ~ percent) }} as precision_{{ percent }}pct,
        {%- endfor %}
        {{ ratio('totals.variance', 'totals.users') }} as brier
    from totals
    inner join due_sets
        on
            totals.as_of_date = due_sets.as_of_date
            and totals.model_name = due_sets.model_name
            and totals.model_version = due_sets.model_version
)

select * from expected_performance
