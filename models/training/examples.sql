{%- set user_days = ref('user_days') %}
{%- set as_of = as_of_date(user_days) %}
{%- do check_as_of(user_days, needed_days=(outcomes() | map(attribute='horizon_days') | min) + 1) %}

-- newest first: the horizon is over by as_of, and enough history lies before
with cutoffs as (
    {%- for outcome in outcomes() %}
    select *
    from ({{ cutoffs_over_by("(select " ~ as_of ~ " as moment)", var('training_cutoffs'), outcome) }}) as possible_cutoffs
    where cutoff_date >= {{ first_cutoff(user_days, outcome) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

examples as (
    {{ training_examples('cutoffs', user_days, var('training_users')) }}
)

select
    *,
    {{ as_of }} as as_of_date
from examples
