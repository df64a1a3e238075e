"""What the dbt Python models call: they join a room that knows arrays with the registry and the clock.

A job is imported when it is first asked for. scikit-learn, skops and shap take seconds of Python, and dbt compiles
under the same lock: a build that scores has `load_scoring` fetch them and the champion while DuckDB computes the
features, and one that finds nothing new does without.
"""

from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likely_buyers.dbt.jobs.backtest import run_backtest
    from likely_buyers.dbt.jobs.distributions import list_distributions
    from likely_buyers.dbt.jobs.expect import expect_buyers
    from likely_buyers.dbt.jobs.explain import explain_buyers
    from likely_buyers.dbt.jobs.promotion_log import list_promotions
    from likely_buyers.dbt.jobs.score import score_users
    from likely_buyers.dbt.jobs.train import train_version

__all__ = [
    "expect_buyers",
    "explain_buyers",
    "list_distributions",
    "list_promotions",
    "load_scoring",
    "run_backtest",
    "score_users",
    "train_version",
]

_MODULES = {
    "expect_buyers": "expect",
    "explain_buyers": "explain",
    "list_distributions": "distributions",
    "list_promotions": "promotion_log",
    "run_backtest": "backtest",
    "score_users": "score",
    "train_version": "train",
}
# with what the jobs import only once a model is at hand
_SCORING = ("likely_buyers.dbt.jobs.score", "skops.io", "likely_buyers.dbt.jobs.explain", "shap")
_loading: list[Thread] = []
_starting = Lock()


def load_scoring(model_names: Sequence[str]) -> None:
    """Begin to load what scoring and explaining need, beside what else goes on; a second call does nothing.

    A library or a champion that cannot be loaded is left to the job that needs it: its message is where it is read.
    """
    with _starting:
        if not _loading:
            _loading.append(Thread(target=_load_scoring, args=(model_names,), name="load_scoring"))
            _loading[0].start()


def _load_scoring(model_names: Sequence[str]) -> None:
    # whatever goes wrong goes wrong again where it is asked for, and is not told twice
    with suppress(Exception):
        for module in _SCORING:
            import_module(module)
        from likely_buyers.registry import Registry
        from likely_buyers.settings import Settings

        for name in model_names:
            with suppress(Exception):
                Registry.of(Settings.of(), model_name=name).load()


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for thread in _loading:
        # two threads in the same half-made modules would be Python's to sort out
        thread.join()
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
