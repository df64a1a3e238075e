"""Training examples of a made-up shop."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from likely_buyers.training import TrainingSettings

SETTINGS = TrainingSettings(horizon_days=30, evaluation_cutoffs=3)
FIRST = date(2024, 1, 1)
CUTOFFS = [date(2024, 6, 1) + timedelta(days=15 * step) for step in range(6)]


def a_shop(users: int = 900, seed: int = 3, cutoffs: list[date] = CUTOFFS) -> pa.Table:
    """Examples of a shop whose users buy at steady rates of their own."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.8, 1 / 40, users) + 1e-3
    joined = rng.uniform(0, 100, users)
    tables = []
    for cutoff in cutoffs:
        age = (cutoff - FIRST).days - joined
        repeats = rng.poisson(rate * age)
        since = np.where(repeats > 0, age * rng.beta(1, np.maximum(repeats, 1)), age)
        gap = np.where(repeats > 0, (age - since) / np.maximum(repeats, 1), np.nan)
        tables.append(
            pa.table(
                {
                    "user_id": [f"u{number:05d}" for number in range(users)],
                    "cutoff_date": pa.array([cutoff] * users, pa.date32()),
                    "label": rng.random(users) < 1 - np.exp(-rate * 30),
                    "purchase_days": repeats + 1.0,
                    "days_since_first_purchase": np.floor(age),
                    "days_since_last_purchase": np.floor(since),
                    "purchase_gap_mean_days": gap,
                    "views": np.zeros(users),
                    "days_since_last_view": np.full(users, np.nan),
                    "noise": rng.normal(size=users),
                }
            )
        )
    return pa.concat_tables(tables)


def with_column(table: pa.Table, name: str, values: object) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values))
