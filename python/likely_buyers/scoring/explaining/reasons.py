"""Which features tell a user from the others on the list, so that they say different things."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likely_buyers.evaluation import Floats


@dataclass(frozen=True)
class FeatureGroup:
    """What a feature speaks of: of one group a user gets one reason.

    `has_missing_label`: whether there is a label for a user who has no value of it.
    """

    group: str
    has_missing_label: bool


def raising_features(
    contributions: Floats,
    X: Floats,
    groups: Sequence[FeatureGroup],
    means: Floats,
    *,
    most: int = 3,
) -> NDArray[np.int64]:
    """Positions (n, most) of the features that tell each user from the others of the list; -1 for none.

    What raises everybody's score tells nobody apart, so features are ordered by how far a contribution lies above its
    mean among the listed users, the farthest first; a mean below 0 counts as 0, so that no reason counts for more than
    it adds. A feature is passed over if it does not raise the score, if another of its group lies farther above, or if
    its value is missing and there is no label for that. Of equal ones the first in the table comes first.

    Args:
        contributions: log-odds (n, f).
        X: features (n, f), NaN for missing.
        groups: of the f features.
        means: mean contribution of the f features among the listed users.
        most: reasons per user.
    """
    has_missing_label = np.array([feature.has_missing_label for feature in groups])
    raising = (contributions > 0) & (has_missing_label | ~np.isnan(X))
    value = np.where(raising, contributions - np.maximum(means, 0), -np.inf)

    members: dict[str, list[int]] = {}
    for position, feature in enumerate(groups):
        members.setdefault(feature.group, []).append(position)
    best = np.column_stack(
        [np.array(own)[value[:, own].argmax(axis=1)] for own in members.values()]
    )
    # by position, so that a stable sort leaves equal ones in the order of the table
    best.sort(axis=1)
    best_value = np.take_along_axis(value, best, axis=1)
    order = np.argsort(-best_value, axis=1, kind="stable")[:, :most]
    chosen = np.where(
        np.isfinite(np.take_along_axis(best_value, order, axis=1)),
        np.take_along_axis(best, order, axis=1),
        -1,
    )
    absent = np.full((len(X), most - chosen.shape[1]), -1)
    return np.hstack([chosen, absent])
