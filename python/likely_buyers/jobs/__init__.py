"""What the dbt Python models call: they join a room that knows arrays with the registry and the clock.

All are imported at once: training.promotions, the first Python model of a build, then loads scikit-learn beside the
SQL models of bronze, and scoring does not wait for it. More at once, such as skops, keeps bronze waiting for Python's
lock.
"""

from likely_buyers.jobs.backtest import run_backtest
from likely_buyers.jobs.explain import explain_buyers
from likely_buyers.jobs.promotions import list_promotions
from likely_buyers.jobs.score import score_users
from likely_buyers.jobs.train import train_version

__all__ = ["explain_buyers", "list_promotions", "run_backtest", "score_users", "train_version"]
