{%- do check_as_of(ref('user_days'), needed_days=var('horizon_days') + var('training_history_days')) %}

-- newest first: the horizon is over by as_of, and enough history lies before
with cutoffs as (
    select cutoff_date
    from ({{ cutoffs_over_by("(select " ~ as_of_date(ref('user_days')) ~ " as moment)", var('training_cutoffs')) }}) as possible_cutoffs
    where cutoff_date >= {{ first_cutoff(ref('user_days')) }}
),

examples as (
    {{ training_examples('cutoffs', ref('user_days'), var('training_users')) }}
)

select
    *,
    {{ as_of_date(ref('user_days')) }} as as_of_date
from examples
