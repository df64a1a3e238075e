"""Which features tell a user from the others on the list, so that they say different things."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureTheme:
    """What a feature speaks of: of one theme a user gets one reason.

    `says_missing`: whether there are words for a user who has no value of it.
    """

    theme: str
    says_missing: bool


def raising_features(
    contributions: Floats,
    X: Floats,
    themes: Sequence[FeatureTheme],
    means: Floats,
    *,
    most: int = 3,
) -> NDArray[np.int64]:
    """Positions (n, most) of the features that tell each user from the others of the list; -1 for none.

    What raises everybody's score tells nobody apart, so features are ordered by how far a contribution lies above its
    mean among the listed users, the farthest first; a mean below 0 counts as 0, so that no reason counts for more than
    it adds. A feature is passed over if it does not raise the score, if another of its theme lies farther above, or if
    its value is missing and there are no words for that. Of equal ones the first in the table comes first.

    Args:
        contributions: log-odds (n, f).
        X: features (n, f), NaN for missing.
        themes: of the f features.
        means: mean contribution of the f features among the listed users.
        most: reasons per user.
    """
    says_missing = np.array([feature.says_missing for feature in themes])
    raising = (contributions > 0) & (says_missing | ~np.isnan(X))
    value = np.where(raising, contributions - np.maximum(means, 0), -np.inf)

    members: dict[str, list[int]] = {}
    for position, feature in enumerate(themes):
        members.setdefault(feature.theme, []).append(position)
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
