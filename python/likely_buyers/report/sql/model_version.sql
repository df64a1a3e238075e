-- One row, or none: the version that scored, as training registered it.
select
    created_at,
    as_of_date,
    metrics,
    windows,
    parameters,
    scikit_learn_version
from training.model_versions
where
    model_name = $model_name
    and model_version = $model_version
    and model_digest = $model_digest
