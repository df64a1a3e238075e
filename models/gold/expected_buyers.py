"""One row per outcome, as_of and model version: how many will meet it, with an 80 % interval."""

from likely_buyers.dbt.jobs import expect_buyers


def model(dbt, session):
    dbt.config(materialized="table_on_change")
    return expect_buyers(dbt.ref("predictions"), session, dbt.this.schema, dbt.this.identifier)
