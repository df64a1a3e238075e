-- Events of the last three days: each id once, by the digest that no model makes, and each keeps the contract. Two equal lines
-- are of one day. A digest of each event is dear, so that earlier days are left to the builds that they were new to.
{%- set newest = run_query("select max(event_date) from " ~ ref('user_days')).columns[0].values()[0] if can_be_read(ref('user_days')) %}

with newest_events as (
    select * from {{ ref('events') }}
    where event_time >= {{ dbt.dateadd('day', -2, "cast('" ~ newest ~ "' as timestamp)") }}
)

select event_id
from newest_events
group by event_id
having
    count(*) > 1
    or count(
        case
            when
                event_time is null or user_id is null or quantity <= 0 or price < 0
                or event_type not in ('view', 'cart', 'remove_from_cart', 'purchase', 'refund')
                then 1
        end
    ) > 0
