{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["as_of_date", "model_name", "model_version"],
        pre_hook="{{ add_outcome() }}",
    )
}}

with scored_sets as (
    select
        outcome,
        as_of_date,
        model_name,
        model_version,
        horizon_days,
        count(*) as users
    from {{ ref('prediction_history') }}
    -- of an outcome that is no longer configured nobody can tell who met it: its figures stay
    where outcome in ({{ outcome_names() }})
    group by outcome, as_of_date, model_name, model_version, horizon_days
),

purchase_digests as (
    {{ outcome_digests() }}
),

-- Sets of scores whose horizon is over by as_of and whose outcome is not in this table as it is now known.
-- How many were scored and who purchased on which day of the horizon is all that a set's figures are made of, so a set is
-- computed once, and again exactly when late events, a replaced file or another mapping changed a purchase of its horizon
-- (or a repeated build scored somebody new). A rule of so many days would compute unchanged sets anew every day and miss
-- what comes later than that. Both cost one scan of few columns, not a join of the history.
due_sets as (
    select
        sets.outcome,
        sets.as_of_date,
        sets.model_name,
        sets.model_version,
        sets.horizon_days,
        sets.users,
        coalesce(sum(purchase_digests.digest), 0) as purchase_digest
    from scored_sets as sets
    left join purchase_digests
        on
            sets.outcome = purchase_digests.outcome
            and sets.as_of_date <= purchase_digests.event_date
            and {{ horizon_end('sets') }} > purchase_digests.event_date
    where {{ horizon_end('sets') }} <= {{ as_of_date(ref('user_days')) }}
    group by sets.outcome, sets.as_of_date, sets.model_name, sets.model_version, sets.horizon_days, sets.users
    {%- if is_incremental() %}
    except
    select
        outcome,
        as_of_date,
        model_name,
        model_version,
        horizon_days,
        sum(users) as users,
        min(purchase_digest) as purchase_digest
    from {{ this }}
    group by outcome, as_of_date, model_name, model_version, horizon_days
    {%- endif %}
),

score_groups as (
    {{ score_groups() }}
),

-- tenths of equal count (they differ by one at most, the unlikelier ones being the larger); one per user where there are
-- fewer than ten
sized_groups as (
    select
        score_groups.*,
        least(set_users, 10) as deciles,
        floor(set_users / least(set_users, 10)) as smallest_decile
    from score_groups
),

placed_groups as (
    select
        sized_groups.*,
        deciles - (set_users - deciles * smallest_decile) as smallest_deciles
    from sized_groups
),

numbers as (
    {%- for decile in range(1, 11) %}
    select {{ decile }} as decile
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- a group that lies across the edge of two tenths gives each its share of users and of buyers
divided_groups as (
    select
        placed_groups.*,
        numbers.decile,
        least(
            users_above + users,
            numbers.decile * smallest_decile + greatest(numbers.decile - smallest_deciles, 0)
        ) - greatest(
            users_above,
            (numbers.decile - 1) * smallest_decile + greatest(numbers.decile - 1 - smallest_deciles, 0)
        ) as users_in_decile
    from placed_groups
    inner join numbers on placed_groups.deciles >= numbers.decile
),

deciles as (
    select
        as_of_date,
        model_name,
        model_version,
        decile,
        sum(users_in_decile) as users,
        {{ exact_sum('users_in_decile * probability') }} as predicted_buyers,
        {{ exact_sum('users_in_decile * ' ~ ratio('buyers', 'users')) }} as actual_buyers
    from divided_groups
    where users_in_decile > 0
    group by as_of_date, model_name, model_version, decile
),

model_performance_deciles as (
    select
        due_sets.outcome,
        deciles.as_of_date,
        due_sets.horizon_days,
        deciles.model_name,
        deciles.model_version,
        cast(deciles.decile as {{ dbt.type_int() }}) as decile,
        cast(deciles.users as {{ dbt.type_bigint() }}) as users,
        {{ ratio('deciles.predicted_buyers', 'deciles.users') }} as mean_probability,
        {{ ratio('deciles.actual_buyers', 'deciles.users') }} as actual_rate,
        deciles.predicted_buyers,
        deciles.actual_buyers,
        due_sets.purchase_digest
    from deciles
    inner join due_sets
        on
            deciles.as_of_date = due_sets.as_of_date
            and deciles.model_name = due_sets.model_name
            and deciles.model_version = due_sets.model_version
)

select * from model_performance_deciles
