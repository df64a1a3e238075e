"""The daily job and the weekly training as Dagster assets: `dagster dev -f schedule_with_dagster.py` schedules both.

Dagster needs none of our packages: each step runs in the checkout's own environment.
"""

import os
import subprocess
from pathlib import Path

import dagster as dg

HOME = Path(os.environ.get("LIKELY_BUYERS_HOME") or Path(__file__).resolve().parents[2])
DELAY = float(os.environ.get("LIKELY_BUYERS_RETRY_SECONDS") or 300)

# a build that was stopped or failed is finished by the next one, so it may simply be run again
AGAIN = dg.RetryPolicy(max_retries=3, delay=DELAY, backoff=dg.Backoff.EXPONENTIAL)
# one process writes at a time: give the pool a limit of 1, by `dagster instance concurrency set likely_buyers 1`
POOL = "likely_buyers"


def step(command: str) -> subprocess.CompletedProcess[str]:
    path = f"{HOME / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    return subprocess.run(
        command.split(), cwd=HOME, env=environment, stdout=subprocess.PIPE, text=True, timeout=3 * 3600, check=False
    )  # fmt: skip


def must(command: str) -> None:
    done = step(command)
    print(done.stdout)
    done.check_returncode()


@dg.asset(retry_policy=AGAIN, pool=POOL, description="Everybody scored, and ranked.")
def gold() -> None:
    must("dbt build --exclude-resource-type unit_test")


# what is wrong keeps nobody from the scores
@dg.asset_check(asset=gold, pool=POOL, description="What `likely-buyers check` says.")
def nothing_is_wrong() -> dg.AssetCheckResult:
    done = step("likely-buyers check")
    return dg.AssetCheckResult(passed=done.returncode == 0, description=done.stdout)


@dg.asset(deps=[gold], retry_policy=AGAIN, pool=POOL, description="The copy that BI tools read.")
def published() -> None:
    must("likely-buyers publish")


@dg.asset(deps=[published], retry_policy=AGAIN, pool=POOL, description="A page for people.")
def report() -> None:
    must("likely-buyers report")


# a version that is not good enough is refused, which is no reason to try again
@dg.asset(
    pool=POOL, description="A new version, if it has earned it; the next build scores with it."
)
def champion() -> None:
    must("likely-buyers train --promote")


daily = dg.define_asset_job(
    "likely_buyers_daily", dg.AssetSelection.assets(gold, published, report)
)
weekly = dg.define_asset_job("likely_buyers_weekly", dg.AssetSelection.assets(champion))

defs = dg.Definitions(
    assets=[gold, published, report, champion],
    asset_checks=[nothing_is_wrong],
    schedules=[
        dg.ScheduleDefinition(job=daily, cron_schedule="0 4 * * *"),
        dg.ScheduleDefinition(job=weekly, cron_schedule="0 6 * * 0"),
    ],
    executor=dg.in_process_executor,
)
