"""One row per user: the champion's probability of a purchase in [as_of, as_of + horizon_days)."""

from likely_buyers.dbt.jobs import score_users


def model(dbt, session):
    dbt.config(materialized="table_on_change")
    settings = dbt.config.get("meta")
    return score_users(
        dbt.ref("user_features"),
        model_name=settings["model_name"],
        horizon_days=int(settings["horizon_days"]),
    )
