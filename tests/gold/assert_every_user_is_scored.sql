-- Users in an outcome's population = users scored for it: one prediction for each of those rows of user_features, for the same
-- day. (An outcome without a champion has none.)
with populations as (
    {%- for outcome in outcomes() %}
    select
        '{{ outcome.name }}' as outcome,
        user_id,
        as_of_date
    from {{ ref('user_features') }}
    where
        '{{ outcome.name }}' in (select outcome from {{ ref('predictions') }})
        {%- if outcome.population %}
        and ({{ outcome.population }})
        {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    populations.outcome,
    populations.user_id as featured_user_id,
    predictions.user_id as scored_user_id
from populations
full outer join {{ ref('predictions') }} as predictions
    on
        populations.user_id = predictions.user_id
        and populations.outcome = predictions.outcome
        and populations.as_of_date = predictions.as_of_date
where populations.user_id is null or predictions.user_id is null
