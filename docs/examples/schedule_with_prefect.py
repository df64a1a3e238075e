"""The daily job and the weekly training as Prefect flows.

`python schedule_with_prefect.py` runs a day, `python schedule_with_prefect.py serve` schedules both.

Prefect needs none of our packages: each step runs in the checkout's own environment.
"""

import os
import subprocess
import sys
from pathlib import Path

from prefect import flow, serve, task

HOME = Path(os.environ.get("LIKELY_BUYERS_HOME") or Path(__file__).resolve().parents[2])
DELAY = float(os.environ.get("LIKELY_BUYERS_RETRY_SECONDS") or 300)


@task(task_run_name="{command}", timeout_seconds=3 * 3600)
def step(command: str) -> None:
    path = f"{HOME / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(command.split(), cwd=HOME, env=os.environ | {"PATH": path}, check=True)


# a build that was stopped or failed is finished by the next one, so it may simply be run again
again = step.with_options(retries=3, retry_delay_seconds=[DELAY, 2 * DELAY, 4 * DELAY])


@flow(name="likely_buyers_daily", log_prints=True)
def daily() -> None:
    again("dbt build --exclude-resource-type unit_test")
    # what is wrong ends the flow as failed, and keeps nobody from the scores; another try would find the same
    checked = step("likely-buyers check", return_state=True)
    again("likely-buyers publish")
    again("likely-buyers report")
    checked.result()


@flow(name="likely_buyers_weekly", log_prints=True)
def weekly() -> None:
    # a version that is not good enough is refused, which is no reason to try again
    step("likely-buyers train --promote")


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        # one process writes at a time: what comes second waits
        serve(
            daily.to_deployment("daily", cron="0 4 * * *"),
            weekly.to_deployment("weekly", cron="0 6 * * 0"),
            limit=1,
        )
    else:
        daily()
