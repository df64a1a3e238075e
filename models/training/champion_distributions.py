"""One row per champion, feature (or the score) and value: how many of the examples that it was trained on had it."""

from likely_buyers.dbt.jobs import list_distributions


def model(dbt, session):
    dbt.config(materialized="table_on_change")
    settings = dbt.config.get("meta")
    return list_distributions(predicted=settings["predicted"])
