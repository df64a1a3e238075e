"""One row per selected user and reason_rank: the features that tell the user from the others on the list."""

from likely_buyers.dbt.jobs import explain_buyers


def model(dbt, session):
    dbt.config(materialized="table_on_change")
    return explain_buyers(
        dbt.ref("top_buyers"), dbt.ref("user_features"), dbt.ref("feature_labels")
    )
