"""One row per promotion in the promotion log of the registry: which version was champion from when until when."""

from likely_buyers.dbt.jobs import list_promotions


def model(dbt, session):
    dbt.config(materialized="table")
    settings = dbt.config.get("meta")
    return list_promotions(predicted=settings["predicted"])
