-- One row per trained version: the day by which what it was trained on was known.
select
    model_version,
    as_of_date
from training.model_versions
where model_name = $model_name
