"""Which model: rules and a library of fits compared on users held out, and the fits combined."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from likely_buyers.evaluation import Floats, average_precision, roc_auc
from likely_buyers.parallel import a_thread_a_core
from likely_buyers.training.bgnbd import BgNbdFitError
from likely_buyers.training.calibration import ScoredCutoff, matching_offset
from likely_buyers.training.estimator import PurchaseModel
from likely_buyers.training.examples import Examples
from likely_buyers.training.library import PLAIN_RATE, RULES, Member
from likely_buyers.training.noise import Difference, paired_difference

Progress = Callable[[str], None]
Advance = Callable[[float], None]
Rows = NDArray[np.int64]

# Members are added one at a time, the same one again if that is best, as long as the log loss falls by so much, in nats
# per user. (Caruana, Niculescu-Mizil, Crew and Ksikes 2004, "Ensemble selection from libraries of models", ICML.)
_SMALLEST_GAIN = 0.00002
_MOST_MEMBERS = 12

# After two cutoffs so many fits of a kind go on, and none that is further behind the best than this, in nats per user.
_MOST_OF_KIND = 3
_HOPELESS = 0.002

_GROUPS_OF_USERS = 5

# With many users the least difference is beyond noise. Below this AUC a list is hardly better than a draw all the same.
_LEAST_AUC = 0.55

LATER_CUTOFFS = "later cutoffs"
OTHER_USERS = "other users"


@dataclass(frozen=True)
class Fold:
    """Users held out at a cutoff, and the rows that a model of them may know."""

    cutoff: np.datetime64
    fit_rows: Rows
    evaluation_rows: Rows


@dataclass(frozen=True)
class HeldOut:
    """What candidates are compared on.

    Attributes:
        kind: LATER_CUTOFFS, each scored by what was over when it came; where there is none, OTHER_USERS of the newest
            cutoff, scored by what is known of the rest: nothing then shows that tomorrow is like today.
        folds: in the order of their cutoffs.
    """

    kind: str
    folds: tuple[Fold, ...]

    @property
    def rows(self) -> Rows:
        """All rows held out, fold by fold."""
        return np.concatenate([fold.evaluation_rows for fold in self.folds])


@dataclass(frozen=True)
class Candidate:
    """A model with its scores, each the mean over the held-out cutoffs.

    Attributes:
        name: what it is.
        members: arguments of PurchaseModel.
        log_loss: in nats, after moving the level to the actual one, so that the season does not decide.
        roc_auc: area under the ROC curve.
        average_precision: average precision.
        raw: raw log-odds (n,) of `HeldOut.rows`.
        losses: log loss (n,) of each of them.
    """

    name: str
    members: tuple[Member, ...]
    log_loss: float
    roc_auc: float
    average_precision: float
    raw: Floats = field(repr=False)
    losses: Floats = field(repr=False)


def held_out(
    examples: Examples, horizon_days: int, most: int, *, most_users: int, seed: int
) -> HeldOut:
    """The newest cutoffs with a finished one before, each with buyers and others; else users of the newest.

    At most `most` cutoffs, and of each at most `most_users`.
    """
    horizon = np.timedelta64(horizon_days, "D")
    cutoffs = examples.distinct_cutoffs()
    folds: list[Fold] = []
    for cutoff in reversed(cutoffs):
        fold = Fold(
            cutoff,
            examples.rows_at([past for past in cutoffs if past + horizon <= cutoff]),
            sampled(examples.rows_at([cutoff]), most_users, seed),
        )
        if _has_both(examples.labels[fold.fit_rows]) and _has_both(
            examples.labels[fold.evaluation_rows]
        ):
            folds.append(fold)
        if len(folds) == most:
            break
    if folds:
        return HeldOut(LATER_CUTOFFS, tuple(reversed(folds)))
    newest = next(
        cutoff
        for cutoff in reversed(cutoffs)
        if _has_both(examples.labels[examples.rows_at([cutoff])])
    )
    at_newest = examples.rows_at([newest])
    for group in range(_GROUPS_OF_USERS):
        is_held_out = examples.users % _GROUPS_OF_USERS == group
        folds.append(Fold(newest, np.flatnonzero(~is_held_out), at_newest[is_held_out[at_newest]]))
    return HeldOut(OTHER_USERS, tuple(fold for fold in folds if fold.evaluation_rows.size))


def _has_both(labels: NDArray[np.int8]) -> bool:
    return 0 < int(labels.sum()) < labels.size


def sampled(rows: Rows, most: int, seed: int) -> Rows:
    """At most `most` of the rows, in order; a plain random sample, so that the base rate stays."""
    if rows.size <= most:
        return rows
    chosen = np.random.default_rng(seed).choice(rows.size, size=most, replace=False, shuffle=False)
    return rows[np.sort(chosen)]


def fitted(examples: Examples, rows: Rows, members: Sequence[Member], seed: int) -> PurchaseModel:
    """A model of the members, fitted on the rows."""
    cutoffs = examples.cutoffs[rows]
    age = (cutoffs.max() - cutoffs).astype(np.float64)
    return PurchaseModel(members, seed).fit(examples.features[rows], examples.labels[rows], age)


class Compared:
    """Raw scores of members on users held out, and what they and their means are worth.

    Args:
        examples: the examples.
        rows: those (n,) that are held out.
    """

    def __init__(self, examples: Examples, rows: Rows) -> None:
        self.labels = examples.labels[rows]
        self.users = examples.users[rows]
        self.cutoffs = examples.cutoffs[rows]
        self._of_cutoff = [
            np.flatnonzero(self.cutoffs == cutoff) for cutoff in np.unique(self.cutoffs)
        ]

    def losses(self, raw: Floats) -> Floats:
        """Log loss (n,) of raw log-odds (n,), each cutoff's level moved to the actual one."""
        losses = np.empty_like(raw)
        for rows in self._of_cutoff:
            labels = self.labels[rows]
            moved = raw[rows] + matching_offset(raw[rows], labels)
            losses[rows] = np.logaddexp(0.0, moved) - labels * moved
        return losses

    def mean(self, values: Floats) -> float:
        """Mean over the cutoffs of the mean of their values (n,)."""
        return float(np.mean([values[rows].mean() for rows in self._of_cutoff]))

    def candidate(self, name: str, members: Sequence[Member], raw: Floats) -> Candidate:
        """The raw scores (n,) as a candidate."""
        losses = self.losses(raw)
        pairs = [(self.labels[rows], raw[rows]) for rows in self._of_cutoff]
        return Candidate(
            name=name,
            members=tuple(members),
            log_loss=self.mean(losses),
            roc_auc=float(np.mean([roc_auc(*pair) for pair in pairs])),
            average_precision=float(np.mean([average_precision(*pair) for pair in pairs])),
            raw=raw,
            losses=losses,
        )

    def difference(self, first: Candidate, second: Candidate) -> Difference:
        """How much less the first loses than the second: below zero where it is better."""
        return paired_difference(first.losses, second.losses, self.users, self.cutoffs)

    def scored_cutoffs(self, raw: Floats) -> list[ScoredCutoff]:
        """The held-out cutoffs with raw scores (n,), oldest first."""
        return [
            ScoredCutoff(self.cutoffs[rows[0]], raw[rows], self.labels[rows])
            for rows in self._of_cutoff
        ]


def compare(
    examples: Examples,
    held: HeldOut,
    members: Mapping[str, Member],
    *,
    rows_per_fit: int,
    seed: int,
    progress: Progress,
    advance: Advance,
) -> tuple[Compared, dict[str, Candidate]]:
    """Every member alone on all users held out; `advance` hears of the share of the examples fitted.

    One that cannot be fitted, or falls far behind others of its kind, is left out, and `progress` told why.
    """
    compared = Compared(examples, held.rows)
    raw: dict[str, list[Floats]] = {name: [] for name in members}
    losses: dict[str, dict[np.datetime64, float]] = {name: {} for name in members}
    done, total = 0.0, float(sum(min(fold.fit_rows.size, rows_per_fit) for fold in held.folds))
    with a_thread_a_core() as pool:
        for number, fold in enumerate(held.folds, start=1):
            rows = sampled(fold.fit_rows, rows_per_fit, seed)
            progress(
                f"comparing models at {fold.cutoff} ({number} of {len(held.folds)}, {rows.size} examples)"
            )
            later = examples.features[fold.evaluation_rows]
            # the dearest first
            fits = {
                name: pool.submit(fitted, examples, rows, [members[name]], seed)
                for name in reversed(list(raw))
            }
            for name, fit in fits.items():
                try:
                    raw[name].append(fit.result().decision_function(later))
                except BgNbdFitError as error:
                    progress(f"leaving out {name}: {error}")
                    del raw[name]
                done += rows.size / len(fits)
                advance(done / total)
            of_cutoff = [one for one in held.folds[:number] if one.cutoff == fold.cutoff]
            so_far = Compared(examples, np.concatenate([one.evaluation_rows for one in of_cutoff]))
            for name, own in raw.items():
                found = so_far.losses(np.concatenate(own[-len(of_cutoff) :]))
                losses[name][fold.cutoff] = so_far.mean(found)
            if 2 <= number < len(held.folds):
                means = {name: float(np.mean(list(losses[name].values()))) for name in raw}
                for name in _hopeless(means, members):
                    progress(f"leaving out {name}: behind its kind at {number} cutoffs")
                    del raw[name]
    return compared, {
        name: compared.candidate(name, [members[name]], np.concatenate(own))
        for name, own in raw.items()
    }


def _hopeless(losses: Mapping[str, float], members: Mapping[str, Member]) -> list[str]:
    """Fits that are not among the best of their kind by their log losses, to which no more time goes."""
    of_kind: dict[str, list[str]] = {}
    for name in sorted(losses, key=losses.__getitem__):
        if name not in RULES:
            of_kind.setdefault(members[name]["kind"], []).append(name)
    return sorted(
        name
        for names in of_kind.values()
        for place, name in enumerate(names)
        if place >= _MOST_OF_KIND or losses[name] > losses[names[0]] + _HOPELESS
    )


def combined(compared: Compared, alone: Mapping[str, Candidate]) -> Candidate:
    """A mean of members: the best of each kind of fit, and then whatever lowers the log loss most, again and again.

    Members may be rules. That it begins with several kinds is what keeps it from following one lucky cutoff.
    """
    best_of_kind: dict[str, Candidate] = {}
    for name, candidate in sorted(alone.items(), key=lambda one: one[1].log_loss):
        if name not in RULES:
            best_of_kind.setdefault(str(candidate.members[0]["kind"]), candidate)
    times = {candidate.name: 1 for candidate in best_of_kind.values()}
    total = np.sum([candidate.raw for candidate in best_of_kind.values()], axis=0)
    loss = compared.mean(compared.losses(total / len(times)))
    while (count := sum(times.values()) + 1) <= _MOST_MEMBERS:
        tried = {
            name: compared.mean(compared.losses((total + candidate.raw) / count))
            for name, candidate in alone.items()
        }
        name = min(tried, key=lambda name: tried[name])
        if tried[name] > loss - _SMALLEST_GAIN:
            break
        times[name] = times.get(name, 0) + 1
        total, loss = total + alone[name].raw, tried[name]
    count = sum(times.values())
    shares = {name: own / count for name, own in sorted(times.items(), key=lambda one: -one[1])}
    return compared.candidate(
        " + ".join(f"{share:.2g} {name}" for name, share in shares.items()),
        [{**alone[name].members[0], "share": share} for name, share in shares.items()],
        total / count,
    )


@dataclass(frozen=True)
class Choice:
    """The chosen candidate, and in words why nothing stronger or simpler.

    `tells_buyers_apart`: whether it beats the plain rate beyond noise, and a draw by more than a little.
    """

    candidate: Candidate
    why: str
    tells_buyers_apart: bool


def choose(
    compared: Compared, alone: Mapping[str, Candidate], mean: Candidate, kind: str
) -> Choice:
    """The mean of members, or the best rule if that has the lower log loss; what the evidence says of it."""
    rate = alone[PLAIN_RATE]
    rule = min(
        (alone[name] for name in RULES if name in alone and name != PLAIN_RATE),
        key=lambda candidate: candidate.log_loss,
        default=rate,
    )
    buyers, examples = int(compared.labels.sum()), compared.labels.size
    cutoffs = np.unique(compared.cutoffs).size
    on = (
        f"{buyers:,} buyers among {examples:,} examples at {cutoffs} later cutoff{'s' if cutoffs > 1 else ''}"
        if kind == LATER_CUTOFFS
        else f"{buyers:,} buyers among {examples:,} users held out at the only cutoff"
    )
    chosen = min(mean, rule, key=lambda candidate: candidate.log_loss)
    apart = compared.difference(chosen, rate)
    gain = compared.difference(mean, rule)
    if apart.high >= 0:
        why = f"on {on} nothing beats the plain rate beyond noise"
    elif chosen.roc_auc < _LEAST_AUC:
        why = (
            f"of a buyer and another user it ranks the buyer higher in {chosen.roc_auc:.0%} of all cases, hardly more"
            f" than by chance, on {on}"
        )
    elif chosen is rule:
        why = f"on {on} the rule has the lowest log loss: they are too few, or too plain, for anything stronger"
    else:
        why = (
            f"its log loss is {-gain.mean:.4f} lower than that of the best rule, {rule.name}"
            f" ({-gain.high:.4f} to {-gain.low:.4f}{', which may be noise' if gain.is_noise else ''}), on {on}"
        )
    return Choice(chosen, why, apart.high < 0 and chosen.roc_auc >= _LEAST_AUC)
