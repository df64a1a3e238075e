{{ config(materialized="incremental", incremental_strategy="append", full_refresh=false, pre_hook="{{ add_outcome('scored_with') }}") }}

with predictions as (
    select
        user_id,
        outcome,
        as_of_date,
        horizon_days,
        probability,
        model_name,
        model_version,
        model_digest,
        scored_with,
        scored_at,
        run_id
    from {{ ref('predictions') }}
),

{%- if is_incremental() %}

known_predictions as (
    select
        user_id,
        as_of_date,
        model_name,
        model_version
    from {{ this }}
    where as_of_date in (select as_of_date from predictions)
),

prediction_history as (
    select predictions.*
    from predictions
    where
        not exists (
            select 1
            from known_predictions
            where
                known_predictions.user_id = predictions.user_id
                and known_predictions.as_of_date = predictions.as_of_date
                and known_predictions.model_name = predictions.model_name
                and known_predictions.model_version = predictions.model_version
        )
)

{%- else %}

prediction_history as (
    select * from predictions
)

{%- endif %}

select * from prediction_history
