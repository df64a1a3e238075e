-- Who buys within a week buys within a month: of outcomes that are the same within fewer and within more days, a user's
-- probability of the shorter is at most that of the longer. (As nested_chains in python/likely_buyers/outcomes.py.)
{%- set nested = [] %}
{%- for short in outcomes() %}
    {%- set alike = [] %}
    {%- for other in outcomes() if (short.event, short.where, short.at_least) == (other.event, other.where, other.at_least) %}
        {%- do alike.append(other) %}
    {%- endfor %}
    {%- set is_of_all = alike | map(attribute='horizon_days') | unique | list | length == alike | length %}
    {%- for long in alike if short.horizon_days < long.horizon_days and (is_of_all or short.population == long.population) %}
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
