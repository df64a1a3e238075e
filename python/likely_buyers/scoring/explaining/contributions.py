"""What each feature adds to the raw score of a PurchaseModel."""

import numpy as np

from likely_buyers.evaluation import Floats
from likely_buyers.scoring.explaining.errors import ContributionsDoNotAddUp
from likely_buyers.scoring.explaining.tree_shap import BoostedTrees
from likely_buyers.training import PurchaseModel

# Log-odds. Rounding stays below 1e-12; a split read wrongly moves a score by 1e-3 or more.
_TOLERANCE = 1e-6


class Explainer:
    """Contributions of the features to a model's raw score, in log-odds.

    Boosting's are exact Shapley values (see `BoostedTrees`), regression and BG/NBD give their own. The components are
    added in log-odds, so their contributions are too.

    Args:
        model: a fitted model.

    Attributes:
        base: log-odds to which the contributions of a user are added.
    """

    def __init__(self, model: PurchaseModel) -> None:
        self._model = model
        _, self.base = model.additive_contributions(np.zeros((1, model.n_features_in_)))
        self._trees = None if model.boosting_ is None else BoostedTrees(model.boosting_)
        if self._trees is not None:
            self._share = model.component_weights["boosting"]
            self.base += self._share * self._trees.base

    def contributions(self, X: Floats) -> Floats:
        """Log-odds by feature (n, f) of the users' features (n, f); `base` plus their sum is `decision_function`.

        Raises:
            ContributionsDoNotAddUp: they differ from the model's own score.
        """
        contributions, _ = self._model.additive_contributions(X)
        if self._trees is not None:
            columns = self._model.columns_
            contributions[:, columns] += self._share * self._trees.values(X[:, columns])
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
