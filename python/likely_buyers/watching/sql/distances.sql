-- One row per outcome and feature, or score: how far it is from what the champion was trained on.
select
    outcome,
    kind,
    name,
    distance,
    importance
from likely_buyers.gold.drift
where distance is not null
order by outcome, rank
