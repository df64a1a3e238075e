-- An example speaks of a user who had an event before the cutoff.
select
    examples.user_id,
    examples.cutoff_date
from {{ ref('examples') }} as examples
left join {{ ref('user_days') }} as user_days
    on
        examples.user_id = user_days.user_id
        and examples.cutoff_date > user_days.event_date
where user_days.user_id is null
