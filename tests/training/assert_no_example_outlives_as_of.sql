-- The horizon of every example is over by as_of, which all rows name: no label was looked up in days that are not known yet.
select
    user_id,
    cutoff_date
from {{ ref('examples') }}
where
    as_of_date <> {{ as_of_date(ref('user_days')) }}
    {%- for outcome in outcomes() %}
    or (
        label_{{ outcome.name }} is not null
        and {{ dbt.dateadd('day', outcome.horizon_days, 'cutoff_date') }} > as_of_date
    )
    {%- endfor %}
