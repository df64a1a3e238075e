-- One row, or none: what became of the lines of the last load.
select
    load_id,
    loaded_at,
    lines - footers as lines,
    rejected,
    quarantined
from likely_buyers.bronze.loads
order by load_id desc
limit 1
