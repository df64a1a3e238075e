"""What each feature adds to the raw score of a PurchaseModel."""

import numpy as np

from likely_buyers.evaluation import Floats
from likely_buyers.scoring.explaining.errors import ContributionsDoNotAddUp
from likely_buyers.scoring.explaining.tree_shap import BoostedTrees
from likely_buyers.training import BoostingComponent, PurchaseModel

# Log-odds. Rounding stays below 1e-12; a split read wrongly moves a score by 1e-3 or more.
_TOLERANCE = 1e-6


class Explainer:
    """Contributions of the features to a model's raw score, in log-odds.

    Boosting's are exact Shapley values (see `BoostedTrees`), the other members give their own. Members are added in
    log-odds, so their contributions are too.

    Args:
        model: a fitted model.

    Attributes:
        base: log-odds to which the contributions of a user are added.
    """

    def __init__(self, model: PurchaseModel) -> None:
        self._model = model
        self._parts = [
            (
                share,
                columns,
                BoostedTrees(component.boosting_)
                if isinstance(component, BoostingComponent)
                else component,
            )
            for share, columns, component in model.parts()
        ]
        self.base = sum(share * part.base for share, _, part in self._parts)

    def contributions(self, X: Floats) -> Floats:
        """Log-odds by feature (n, f) of the users' features (n, f); `base` plus their sum is `decision_function`.

        Raises:
            ContributionsDoNotAddUp: they differ from the model's own score.
        """
        contributions = np.zeros_like(X)
        for share, columns, part in self._parts:
            contributions[:, columns] += share * part.contributions(X[:, columns])
        self._check(contributions, X)
        return contributions

    def _check(self, contributions: Floats, X: Floats) -> None:
        # `shap` reads private arrays of scikit-learn, and its own check compares it with itself.
        score = self._model.decision_function(X)
        found = self.base + contributions.sum(axis=1)
        wrong = ~(np.abs(found - score) <= _TOLERANCE)
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise ContributionsDoNotAddUp(
                f"the contributions of {int(wrong.sum())} of {len(X)} users do not add up to their raw score: the"
                f" first gives {found[first]:.6f} where the model says {score[first]:.6f} (log-odds). Install the"
                " versions of shap and scikit-learn that requirements.txt names."
            )
