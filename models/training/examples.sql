{%- do check_as_of(ref('user_days')) %}

with cutoffs as (
    {{ training_cutoffs(ref('user_days')) }}
),

examples as (
    {{ training_examples('cutoffs', ref('user_days'), var('training_users')) }}
)

select
    *,
    {{ as_of_date(ref('user_days')) }} as as_of_date
from examples
