{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["as_of_date", "model_name", "model_version"],
    )
}}

with due_sets as (
    {{ due_performance(ref('prediction_history'), ref('user_days')) }}
),

score_groups as (
    {{ score_groups('due_sets', ref('prediction_history'), ref('user_days')) }}
),

deciles as (
    {{ score_deciles('score_groups') }}
),

model_performance_deciles as (
    select
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
