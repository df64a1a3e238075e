"""One row per trained version of each outcome's model; building it trains one more. Run by `likely-buyers train`."""

from likely_buyers.dbt.jobs import train_version


def model(dbt, session):
    dbt.config(materialized="table")
    settings = dbt.config.get("meta")
    return train_version(
        dbt.ref("examples"),
        session,
        predicted=settings["predicted"],
        seed=int(settings["training_seed"]),
    )
