-- One row, or none: what became of the last load. `lines` are those of its files or, where the mapping makes rows of them, these and
-- the lines that were rejected, as the build measures the shares that guard a load.
select
    load_id,
    loaded_at,
    events + left_out + quarantined + duplicates + rejected as lines,
    rejected,
    quarantined
from likely_buyers.bronze.loads
order by load_id desc
limit 1
