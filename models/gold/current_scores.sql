{{ config(materialized="view") }}

{%- set columns = "user_id, outcome, as_of_date, horizon_days, probability, model_name, model_version, model_digest, scored_with, scored_at" %}

-- what the build has scored since replaces all live scores of before, also of who is gone from the events or a population
with last_build as (
    select
        max(as_of_date) as built_as_of,
        max(scored_at) as built_at
    from {{ ref('predictions') }}
),

scores as (
    select
        {{ columns }},
        'build' as scored_by
    from {{ ref('predictions') }}
    union all
    select
        {{ columns }},
        'stream' as scored_by
    from {{ ref('live_scores') }}
    cross join last_build
    where
        outcome in ({{ outcome_names() }})
        -- without any predictions there is nothing that replaces
        and coalesce(as_of_date >= built_as_of and scored_at > built_at, true)
),

-- of one moment and day the build comes first, and its word
newest as (
    select
        *,
        row_number() over (
            partition by user_id, outcome order by as_of_date desc, scored_at desc, scored_by asc, model_version desc
        ) as place
    from scores
),

current_scores as (
    select
        {{ columns }},
        scored_by
    from newest
    where place = 1
)

select * from current_scores
