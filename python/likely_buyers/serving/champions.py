"""The models of a stage: loaded and checked, laid out for rows, and replaced when the registry names others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from likely_buyers.evaluation import Floats
from likely_buyers.outcomes import Outcome, nested_chains
from likely_buyers.registry import Registry, RegistryError
from likely_buyers.registry.records import CHAMPION
from likely_buyers.scoring import OutcomeMismatch, Scorer
from likely_buyers.scoring.rows import RowModel
from likely_buyers.scoring.stream import check_outcome, nested

PRODUCTION = "production"
"""The stage of the champions; another stage is the alias of its name in the registry."""


@dataclass(frozen=True)
class Served:
    """One outcome of a stage: the version that scores for it."""

    scorer: Scorer
    rows: RowModel

    @property
    def name(self) -> str:
        """Of the registered model."""
        return self.scorer.model.model_name

    @property
    def signed(self) -> dict[str, str | int]:
        """What every answer says of the model."""
        return {"model": self.name, "version": self.scorer.model.version}


@dataclass(frozen=True)
class Champions:
    """The models of a stage at one moment."""

    served: Sequence[Served]

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes that have a model, in the order of the project."""
        return [one.scorer.outcome for one in self.served]

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that all of them take."""
        return self.served[0].scorer.model.feature_names

    def of(self, name: str | None) -> Served | None:
        """That of an outcome or of a registered model; the first where none is named."""
        if name is None:
            return self.served[0]
        return next(
            (one for one in self.served if name in (one.name, one.scorer.outcome.name)), None
        )

    def probabilities(self, X: Floats, inside: Sequence[Sequence[bool]]) -> Floats:
        """Probabilities (outcomes, users) of features (users, f), NaN for who is outside of a population.

        Those of nested outcomes are made to agree, as the build does it.

        Args:
            X: the features.
            inside: for each outcome, who is in its population.
        """
        p = np.full((len(self.served), len(X)), np.nan)
        for place, one in enumerate(self.served):
            rows = np.asarray(inside[place], dtype=bool)
            if rows.any():
                p[place, rows] = one.rows.probabilities(X if rows.all() else X[rows])
        for chain in nested_chains(self.outcomes):
            p[chain] = nested(p[chain])
        return p


@dataclass(frozen=True)
class Loaded:
    """What the registry gave: the models, None without any, and for each outcome without one why."""

    champions: Champions | None
    problems: Mapping[str, str]


def load_stage(
    registries: Sequence[tuple[Outcome, Registry]], stage: str, before: Champions | None
) -> Loaded:
    """The models of a stage; one that was there and has not changed is not loaded again.

    A version that is not what was registered, was trained for another outcome, or takes other features than those of
    other outcomes, is told and not served; the one that served before it goes on.

    Args:
        registries: the outcomes and where their versions are.
        stage: `PRODUCTION`, another alias, 'latest', or a version's number.
        before: what is served now.

    Raises:
        RegistryError: the registry cannot be read.
    """
    which = CHAMPION if stage == PRODUCTION else stage
    known = {one.scorer.outcome: one for one in before.served} if before else {}
    found: list[Served] = []
    problems: dict[str, str] = {}
    # one that cannot be read at all is another matter than a version that is not there
    registries[0][1].names()
    for outcome, registry in registries:
        old = known.get(outcome)
        try:
            version = registry.version(which)
            if old and (old.scorer.model.version, old.scorer.model.model_digest) == (
                version.version,
                version.model_digest,
            ):
                found.append(old)
                continue
            scorer = Scorer(outcome, registry.load(version))
            check_outcome(scorer)
            found.append(Served(scorer, RowModel.of(scorer.model.estimator)))
        except (RegistryError, OutcomeMismatch) as error:
            problems[outcome.name] = str(error)
            found += [old] if old else []
    # all take the same features: where one outcome is promoted after the other, the last champions go on until all are
    if len({one.scorer.model.feature_names for one in found}) > 1:
        first = (before.served if before else found)[0].scorer.model
        fitting: list[Served] = []
        for one in found:
            model, outcome = one.scorer.model, one.scorer.outcome
            if model.feature_names == first.feature_names:
                fitting.append(one)
                continue
            problems[outcome.name] = (
                f"{model.label} takes other features than {first.label}. Promote versions of one training for all"
                " outcomes."
            )
            fitting += [known[outcome]] if outcome in known else []
        found = fitting
    return Loaded(Champions(found) if found else None, problems)
