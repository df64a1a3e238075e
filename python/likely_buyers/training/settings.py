"""The settings of a training run; the defaults are meant for every shop."""

from dataclasses import dataclass

from likely_buyers.training.errors import TrainingError


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training run.

    Attributes:
        horizon_days: how far ahead the label looks, in days.
        seed: seed of row sampling and of boosting; the same data and seed give the same model to the bit.
        time_budget_seconds: rough limit of training on two cores. It is turned into caps on the rows used, never
            compared with a clock, so that a slow day gives the same model.
        evaluation_cutoffs: most cutoffs held out, each with a model of its own, to choose and to report.
    """

    horizon_days: int = 30
    seed: int = 20_260_101
    time_budget_seconds: float = 240.0
    evaluation_cutoffs: int = 8

    def __post_init__(self) -> None:
        """Refuse settings that make no sense.

        Raises:
            TrainingError: a setting out of its range.
        """
        limits = {
            "horizon_days": 1,
            "time_budget_seconds": 1,
            "evaluation_cutoffs": 1,
        }
        for name, lowest in limits.items():
            value = getattr(self, name)
            if value < lowest:
                raise TrainingError(f"{name} must be at least {lowest}: found {value}")
