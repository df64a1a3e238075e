-- Every current user, outcome, as_of and model version is in the history, once.
with matches as (
    select
        predictions.user_id,
        predictions.outcome,
        count(prediction_history.user_id) as times_in_history
    from {{ ref('predictions') }} as predictions
    left join {{ ref('prediction_history') }} as prediction_history
        on
            predictions.user_id = prediction_history.user_id
            and predictions.outcome = prediction_history.outcome
            and predictions.as_of_date = prediction_history.as_of_date
            and predictions.model_name = prediction_history.model_name
            and predictions.model_version = prediction_history.model_version
    group by predictions.user_id, predictions.outcome
)

select * from matches
where times_in_history <> 1
