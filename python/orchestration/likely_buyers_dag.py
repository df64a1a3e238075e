"""Airflow DAGs for likely_buyers: the daily job, and the weekly training beside it.

Put this file into Airflow's DAG folder (or link it). It needs Airflow and its standard provider only; likely_buyers
stays in its own environment, `.venv` of the checkout.

Environment:
    LIKELY_BUYERS_HOME: folder of the checkout; default: the one this file lies in.
    LIKELY_BUYERS_STATE and the rest of docs/reference/environment.md: as on the command line.

Both DAGs write one database, and DuckDB allows one writer: the pool `likely_buyers` with a single slot keeps a
training from starting beside a build (`airflow pools set likely_buyers 1 "one writer"`).
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

HOME = Path(os.environ.get("LIKELY_BUYERS_HOME") or Path(__file__).resolve().parents[2])
POOL = "likely_buyers"

# a build that was stopped or failed is finished by the next one, so every step may simply be run again
STEP = {
    "owner": "likely_buyers",
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(hours=1),
    "execution_timeout": timedelta(hours=3),
    "pool": POOL,
}


def step(task_id: str, command: str) -> BashOperator:
    """A command of the checkout's environment, run in the checkout; it sees the worker's environment, too."""
    return BashOperator(
        task_id=task_id,
        bash_command=command,
        cwd=str(HOME),
        env={"PATH": f"{HOME / '.venv' / 'bin'}:{os.environ.get('PATH', '')}"},
        append_env=True,
    )


with DAG(
    "likely_buyers_daily",
    description="New events in, everybody scored, gold published, the report written, and what is wrong told.",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1),
    # scores speak from the day after the last event: a day that was missed needs no run of its own
    catchup=False,
    max_active_runs=1,
    default_args=STEP,
    tags=["likely_buyers"],
) as daily:
    # unit tests check the SQL and not the data
    build = step("build", "dbt build --exclude-resource-type unit_test")
    build >> step("publish", "likely-buyers publish") >> step("report", "likely-buyers report")
    # what is wrong fails the day, and keeps nobody from the scores
    check = step("check", "likely-buyers check")
    # another try would find the same
    check.retries = 0
    build >> check

with DAG(
    "likely_buyers_weekly",
    description="Trains, and promotes the new version if it has earned it; the next build scores with it.",
    schedule="0 6 * * 0",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=STEP,
    tags=["likely_buyers"],
) as weekly:
    # a version that is not good enough is refused, which is no reason to try again
    step("train", "likely-buyers train --promote").retries = 0
