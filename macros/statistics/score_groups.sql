{#-
    Select of the users of each due set by equal probability: how many there are and how many bought. Ties are
    settled here, once, so that no figure depends on the order of rows: a tied user counts with the mean of its group.
    Each group knows the users of its set who rank above it (users_above) and all of them (set_users).
    Reads the CTE due_sets: outcome, as_of_date, model_name, model_version and horizon_days.
-#}
{% macro score_groups() %}
    select
        tied_users.*,
        (sum(users) over down_to_here) - users as users_above,
        (sum(buyers) over down_to_here) - buyers as buyers_above,
        sum(users) over whole_set as set_users,
        sum(buyers) over whole_set as set_buyers
    from (
        select
            scores.as_of_date,
            scores.model_name,
            scores.model_version,
            scores.probability,
            count(*) as users,
            count(buyers.user_id) as buyers
        from {{ ref('prediction_history') }} as scores
        inner join due_sets
            on
                scores.as_of_date = due_sets.as_of_date
                and scores.model_name = due_sets.model_name
                and scores.model_version = due_sets.model_version
        left join (
            {{ who_met('due_sets') }}
        ) as buyers
            on
                scores.outcome = buyers.outcome
                and scores.as_of_date = buyers.as_of_date
                and scores.horizon_days = buyers.horizon_days
                and scores.user_id = buyers.user_id
        group by scores.as_of_date, scores.model_name, scores.model_version, scores.probability
    ) as tied_users
    window
        whole_set as (partition by as_of_date, model_name, model_version),
        down_to_here as (
            partition by as_of_date, model_name, model_version
            order by probability desc
            rows between unbounded preceding and current row
        )
{% endmacro %}
