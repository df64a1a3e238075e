"""The stream from features to the reasons of each user."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from likely_buyers.evaluation import Floats
from likely_buyers.parallel import in_order
from likely_buyers.registry import LoadedModel
from likely_buyers.scoring import check_signature, feature_matrix
from likely_buyers.scoring.explaining.contributions import Explainer
from likely_buyers.scoring.explaining.errors import FeaturesWithoutLabels, UsersWithoutFeatures
from likely_buyers.scoring.explaining.reasons import FeatureGroup, raising_features

_BATCHES_AHEAD = 2
CONTRIBUTIONS_SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("outcome", pa.string()),
        ("as_of_date", pa.date32()),
        ("model_name", pa.string()),
        ("model_version", pa.int32()),
        ("reason_rank", pa.int32()),
        ("feature", pa.string()),
        ("feature_value", pa.float64()),
        ("contribution", pa.float64()),
        ("mean_contribution", pa.float64()),
    ]
)


def explain_batches(
    features: pa.RecordBatchReader,
    model: LoadedModel,
    groups: Mapping[str, FeatureGroup],
    *,
    outcome: str,
    users: int,
    sample: pa.Table,
    progress: Callable[[int], None] | None = None,
) -> pa.RecordBatchReader:
    """Up to three rows per row of `features`, batch by batch, in `CONTRIBUTIONS_SCHEMA`.

    Args:
        features: `user_id`, `as_of_date` and exactly the model's features in the model's order.
        model: who scored.
        groups: by feature.
        outcome: whose model it is.
        users: rows that `features` must have.
        sample: of the same users and columns; the mean contributions are those of its users.
        progress: called with the users explained so far.

    Raises:
        FeatureTableMismatch: names, order or types of the columns differ from the model's signature.
        FeaturesWithoutLabels: a feature of the model has no label.
        ContributionsDoNotAddUp, UsersWithoutFeatures: while reading.
    """
    check_signature(features.schema, model)
    without = [name for name in model.feature_names if name not in groups]
    if without:
        raise FeaturesWithoutLabels(
            f"seeds/feature_labels.csv has no label for {len(without)} features of silver.user_features:"
            f" {', '.join(without)}. Add each to python/likely_buyers/features/catalogue.yml, and run"
            " `make generate` and `dbt build`."
        )

    def explained() -> Iterator[pa.RecordBatch]:
        explainer = Explainer(model.estimator)
        means = _mean_contributions(sample, explainer, model)
        own = [groups[name] for name in model.feature_names]

        def explained_rows(batch: pa.RecordBatch) -> pa.RecordBatch:
            return _explained(batch, explainer, model, outcome, own, means)

        batches = (batch for batch in features if batch.num_rows)
        done = 0
        for rows, found in in_order(
            lambda batch: (batch.num_rows, explained_rows(batch)),
            batches,
            ahead=_BATCHES_AHEAD,
        ):
            yield found
            done += rows
            if progress:
                progress(done)
        if done != users:
            raise UsersWithoutFeatures(
                f"{users} users are to be explained, and silver.user_features gave {done} of them for the day they were"
                " scored as of. Score and explain on the same features: dbt build."
            )

    return pa.RecordBatchReader.from_batches(CONTRIBUTIONS_SCHEMA, explained())


def _mean_contributions(sample: pa.Table, explainer: Explainer, model: LoadedModel) -> Floats:
    if not sample.num_rows:
        return np.zeros(len(model.feature_names))
    (batch,) = sample.combine_chunks().to_batches()
    means = explainer.contributions(feature_matrix(batch, model.feature_names)).mean(axis=0)
    return np.asarray(means, dtype=np.float64)


def _explained(
    batch: pa.RecordBatch,
    explainer: Explainer,
    model: LoadedModel,
    outcome: str,
    groups: Sequence[FeatureGroup],
    means: Floats,
) -> pa.RecordBatch:
    X = feature_matrix(batch, model.feature_names)
    contributions = explainer.contributions(X)
    chosen = raising_features(contributions, X, groups, means)
    user, place = np.nonzero(chosen >= 0)
    feature = chosen[user, place]
    columns = {
        "user_id": batch.column("user_id").take(pa.array(user)),
        "as_of_date": batch.column("as_of_date").take(pa.array(user)),
        "outcome": pa.repeat(pa.scalar(outcome), len(user)),
        "model_name": pa.repeat(pa.scalar(model.model_name), len(user)),
        "model_version": pa.repeat(pa.scalar(model.version), len(user)),
        "reason_rank": pa.array(place + 1),
        "feature": pa.array(model.feature_names).take(pa.array(feature)),
        "feature_value": pa.array(X[user, feature], from_pandas=True),
        "contribution": pa.array(contributions[user, feature]),
        "mean_contribution": pa.array(means[feature]),
    }
    return pa.RecordBatch.from_arrays(
        [columns[field.name].cast(field.type) for field in CONTRIBUTIONS_SCHEMA],
        schema=CONTRIBUTIONS_SCHEMA,
    )
