"""The daily job and the weekly training as Luigi tasks: `python schedule_with_luigi.py` runs a day, `… Train` trains.

Luigi has no schedule of its own: cron starts this. It needs none of our packages: each step runs in the checkout's own
environment. What is done today is not done again: its mark lies in the state folder.
"""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import luigi
from luigi.execution_summary import LuigiStatusCode

HOME = Path(os.environ.get("LIKELY_BUYERS_HOME") or Path(__file__).resolve().parents[2])
MARKS = HOME / (os.environ.get("LIKELY_BUYERS_STATE") or "warehouse") / "luigi"
DELAY = os.environ.get("LIKELY_BUYERS_RETRY_SECONDS") or "300"


class Step(luigi.Task):
    day = luigi.DateParameter(default=date.today())
    command = ""
    # failures until it is given up. A build that was stopped or failed is finished by the next one
    retry_count = 4
    worker_timeout = 3 * 3600
    # one process writes at a time
    resources = {"likely_buyers": 1}  # noqa: RUF012 (Luigi's way)

    def run(self) -> None:
        path = f"{HOME / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(self.command.split(), cwd=HOME, env=os.environ | {"PATH": path}, check=True)
        with self.output().open("w") as mark:
            mark.write(self.command)

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(str(MARKS / f"{self.day}_{self.task_family}"))


class Build(Step):
    command = "dbt build --exclude-resource-type unit_test"


class Check(Step):
    command = "likely-buyers check"
    # another try would find the same
    retry_count = 1

    def requires(self) -> luigi.Task:
        return Build(day=self.day)


class Publish(Step):
    command = "likely-buyers publish"

    def requires(self) -> luigi.Task:
        return Build(day=self.day)


class Report(Step):
    command = "likely-buyers report"

    def requires(self) -> luigi.Task:
        return Publish(day=self.day)


class Day(luigi.WrapperTask):
    day = luigi.DateParameter(default=date.today())

    def requires(self) -> list[luigi.Task]:
        return [Report(day=self.day), Check(day=self.day)]


class Train(Step):
    command = "likely-buyers train --promote"
    # a version that is not good enough is refused, which is no reason to try again
    retry_count = 1


def main(name: str = "Day") -> int:
    settings = luigi.configuration.get_config()
    settings.set("scheduler", "retry_delay", DELAY)
    # it waits for what is to be tried again
    settings.set("worker", "keep_alive", "true")
    task = {"Day": Day, "Train": Train}[name]()
    found = luigi.build([task], local_scheduler=True, detailed_summary=True)
    # `build` alone calls a success that took two tries none
    return found.status not in (LuigiStatusCode.SUCCESS, LuigiStatusCode.SUCCESS_WITH_RETRY)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
