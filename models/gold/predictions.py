"""One row per user and outcome: the champion's probability that the user meets it in [as_of, as_of + horizon_days)."""

from likely_buyers.dbt.jobs import score_users


def model(dbt, session):
    dbt.config(materialized="table_on_change")
    settings = dbt.config.get("meta")
    return score_users(dbt.ref("user_features"), predicted=settings["predicted"])
