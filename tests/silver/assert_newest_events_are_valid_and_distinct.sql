-- Events of the newest days, of up to three and about a million: each id once, by the digest that no model makes, and each keeps
-- the contract. Two equal lines are of one day. A digest of each event is dear, so that earlier days are left to the builds that
-- they were new to.
{%- set newest = run_query(
    "select min(event_date), max(event_date) from (select event_date, sum(sum(events)) over (order by event_date desc)"
    ~ " - sum(events) as later_events from " ~ ref('user_days') ~ " group by event_date order by event_date desc limit 3) as days"
    ~ " where later_events < 1000000").rows[0] if can_be_read(ref('user_days')) %}

select event_id
from {{ ref('events') }}
where {{ between_days(newest[0], newest[1]) if newest and newest[0] else 'false' }}
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
