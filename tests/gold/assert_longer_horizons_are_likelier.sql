-- Who buys within a week buys within a month: of outcomes that are the same within fewer and within more days, a user's
-- probability of the shorter is at most that of the longer.
{%- set nested = [] %}
{%- for short in outcomes() %}
    {%- for long in outcomes() if short.horizon_days < long.horizon_days
        and (short.event, short.where, short.at_least) == (long.event, long.where, long.at_least) %}
        {%- do nested.append("('" ~ short.name ~ "', '" ~ long.name ~ "')") %}
    {%- endfor %}
{%- endfor %}

with nested_outcomes as (
    select
        pairs.shorter,
        pairs.longer
    from (values {{ nested | join(', ') or "('', '')" }}) as pairs (shorter, longer)
)

select
    shorter.user_id,
    shorter.outcome,
    shorter.probability,
    longer.outcome as longer_outcome,
    longer.probability as longer_probability
from {{ ref('predictions') }} as shorter
inner join nested_outcomes on shorter.outcome = nested_outcomes.shorter
inner join {{ ref('predictions') }} as longer
    on shorter.user_id = longer.user_id and nested_outcomes.longer = longer.outcome
where shorter.probability > longer.probability
