"""One row per past cutoff, population, method and metric: what each would have been worth. `likely-buyers backtest`."""

from likely_buyers.dbt.jobs import run_backtest


def model(dbt, session):
    dbt.config(materialized="table", tags=["backtest"])
    settings = dbt.config.get("meta")
    return run_backtest(
        dbt.ref("backtest_examples"),
        session,
        evaluate_at=str(settings["backtest_cutoffs"]),
        most_cutoffs=int(settings["training_cutoffs"]),
        step_days=settings["training_step_days"],
        predicted=settings["predicted"],
        seed=int(settings["training_seed"]),
        events_path=str(settings["events_path"]),
    )
