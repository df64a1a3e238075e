{#-
    Select of the sets of scores (as_of_date, model_name, model_version, horizon_days) of gold.prediction_history
    whose horizon is over by as_of and whose outcome is not in this table as it is now known, with
    users             scores in the set
    purchase_digest   order-free digest of who purchased on which day of the horizon

    The two are all that a set's figures are made of, so a set is computed once, and again exactly when late events,
    a replaced file or another mapping changed a purchase of its horizon (or a repeated build scored somebody new).
    A rule of so many days would compute unchanged sets anew every day and miss what comes later than that.
    Both cost one scan of few columns, not a join of the history.
-#}
{% macro due_performance(prediction_history, user_days) %}
    select
        sets.as_of_date,
        sets.model_name,
        sets.model_version,
        sets.horizon_days,
        sets.users,
        coalesce(sum(purchase_digests.digest), 0) as purchase_digest
    from (
        select
            as_of_date,
            model_name,
            model_version,
            horizon_days,
            count(*) as users
        from {{ prediction_history }}
        group by as_of_date, model_name, model_version, horizon_days
    ) as sets
    left join (
        select
            event_date,
            sum(cast({{ fast_hash(['user_id', 'event_date']) }} as decimal(20, 0))) as digest
        from {{ user_days }}
        where purchases > 0
        group by event_date
    ) as purchase_digests
        on
            sets.as_of_date <= purchase_digests.event_date
            and {{ horizon_end('sets') }} > purchase_digests.event_date
    where {{ horizon_end('sets') }} <= {{ as_of_date(user_days) }}
    group by sets.as_of_date, sets.model_name, sets.model_version, sets.horizon_days, sets.users
    {%- if is_incremental() %}
    except
    select
        as_of_date,
        model_name,
        model_version,
        horizon_days,
        sum(users) as users,
        min(purchase_digest) as purchase_digest
    from {{ this }}
    group by as_of_date, model_name, model_version, horizon_days
    {%- endif %}
{% endmacro %}
