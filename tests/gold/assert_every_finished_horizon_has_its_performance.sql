-- Every score whose horizon is over by as_of is counted in model_performance, and in one of its tenths.
with finished as (
    select
        as_of_date,
        model_name,
        model_version,
        count(*) as users
    from {{ ref('prediction_history') }} as prediction_history
    where
        {{ horizon_end('prediction_history') }} <= {{ as_of_date(ref('user_days')) }}
        and outcome in ({{ outcome_names() }})
    group by as_of_date, model_name, model_version
),

tenths as (
    select
        as_of_date,
        model_name,
        model_version,
        sum(users) as users,
        sum(actual_buyers) as buyers
    from {{ ref('model_performance_deciles') }}
    group by as_of_date, model_name, model_version
)

select
    finished.*,
    model_performance.users as users_in_performance,
    model_performance.buyers,
    tenths.users as users_in_tenths,
    tenths.buyers as buyers_in_tenths
from finished
left join {{ ref('model_performance') }} as model_performance
    on
        finished.as_of_date = model_performance.as_of_date
        and finished.model_name = model_performance.model_name
        and finished.model_version = model_performance.model_version
left join tenths
    on
        finished.as_of_date = tenths.as_of_date
        and finished.model_name = tenths.model_name
        and finished.model_version = tenths.model_version
where
    coalesce(model_performance.users, 0) <> finished.users
    or coalesce(tenths.users, 0) <> finished.users
    or abs(tenths.buyers - model_performance.buyers) > 0.000001
