-- One row per currency that amounts are in; a currency that is not known is none.
select distinct currency
from silver.events
where
    event_type in ('purchase', 'refund')
    and price is not null
    and currency is not null
order by currency
