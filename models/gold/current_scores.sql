{{ config(materialized="view") }}

{%- set columns = "user_id, outcome, as_of_date, horizon_days, probability, model_name, model_version, model_digest, scored_with, scored_at" %}

with scores as (
    select
        {{ columns }},
        'build' as scored_by
    from {{ ref('predictions') }}
    union all
    select
        {{ columns }},
        'stream' as scored_by
    from {{ ref('live_scores') }}
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
