-- The horizon of every example is over by as_of: no label was looked up in days that are not known yet.
select
    user_id,
    cutoff_date
from {{ ref('examples') }}
where {{ dbt.dateadd('day', var('horizon_days'), 'cutoff_date') }} > {{ as_of_date(ref('user_days')) }}
