"""One row per trained version of the model; building it trains one more. Run by `likely-buyers train`."""

from likely_buyers.dbt.jobs import train_version


def model(dbt, session):
    dbt.config(materialized="table")
    settings = dbt.config.get("meta")
    return train_version(
        dbt.ref("examples"),
        model_name=settings["model_name"],
        horizon_days=int(settings["horizon_days"]),
        seed=int(settings["training_seed"]),
    )
