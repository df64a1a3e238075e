-- One row per outcome that users were scored for.
select distinct outcome
from gold.predictions
order by outcome
