"""What users see of the commands and of dbt: whole tables, honest past lists, progress, and short refusals."""

import csv
import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from datetime import date
from pathlib import Path

import pytest

from support.installation import PROJECT, Finished, Installation
from support.lakes import open_lake
from support.published_gold import SETTINGS, Shop

USERS = ["4d1f1f8e-6f0c-4a7e-9a30-2d1c7b0f7c55", "918681774", "7"]
REASON = "spent 1,234.50 on the last purchase day"


def make_gold(state: Path) -> None:
    """Gold of 3 users: a list, its reasons, and a history of three days."""
    with open_lake(state) as warehouse:
        warehouse.execute(
            f"""
            create schema gold;
            create table gold.top_buyers as
            select
                range + 1 as rank, {USERS}[range + 1] as user_id, 'purchase_30d' as outcome,
                date '2020-02-01' as as_of_date,
                30 as horizon_days, 0.123456789012345 * (5 - range) as probability, 7.5 as lift,
                cast(219.49 as decimal(18, 2)) as expected_revenue,
                case when range = 1 then null else 4 end as days_since_last_purchase,
                'electronics.smartphone' as favourite_category,
                'likely_buyers.purchase_30d' as model_name, 3 as model_version
            from range(3);
            create table gold.top_buyer_reasons as
            select user_id, outcome, unnest([1, 2]) as reason_rank, '{REASON}' as reason from gold.top_buyers;
            create table gold.prediction_history as
            select
                user_id, outcome, days.as_of_date, 30 as horizon_days,
                case when days.model_version = 2 then probability else 1 - probability end as probability,
                model_name, days.model_version, days.scored_at, days.run_id
            from gold.top_buyers
            cross join (
                values
                    (date '2020-01-01', 1, timestamp '2020-01-01 06:00:00', 'one'),
                    (date '2020-01-01', 2, timestamp '2020-01-01 09:00:00', 'two'),
                    (date '2020-01-01', 3, timestamp '2020-01-05 09:00:00', 'backfill-3'),
                    (date '2019-12-01', 3, timestamp '2020-01-05 09:00:00', 'backfill-3'),
                    (date '2020-02-01', 3, timestamp '2020-02-01 06:00:00', 'three')
            ) as days (as_of_date, model_version, scored_at, run_id);
            """
        )


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    installation = Installation(tmp_path_factory.mktemp("terminal") / "state")
    make_gold(installation.state)
    return installation


def printed(installation: Installation, *command: str) -> str:
    """What stands on stdout alone, piped."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("likely-buyers")), *command],
        cwd=PROJECT,
        env={**installation.environment(), "COLUMNS": "40"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=True,
    ).stdout


def on_a_terminal(columns: int, *command: str, environment: dict[str, str]) -> str:
    """What a command writes to a terminal of that width."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {k: v for k, v in environment.items() if k not in ("COLUMNS", "NO_COLOR")}
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment | {"TERM": "xterm"},
        stdin=its,
        stdout=its,
        stderr=its,
    ):
        os.close(its)
        written = b""
        while True:
            try:
                read = os.read(ours, 65_536)
            except OSError:  # so Linux says that nobody writes any more
                break
            if not read:
                break
            written += read
    os.close(ours)
    return written.decode().replace("\r\n", "\n")


def test_the_list_is_whole_at_80_columns(gold: Installation) -> None:
    program = str(Path(sys.executable).with_name("likely-buyers"))
    shown = on_a_terminal(80, program, "top", environment=gold.environment())
    assert max(map(len, shown.splitlines())) <= 80
    for user in USERS:
        assert user in shown
    assert shown.count(REASON) == len(USERS)
    assert shown.count("219.49") == len(USERS)
    assert "…" not in shown


def test_a_piped_list_has_a_line_for_each_user(gold: Installation) -> None:
    lines = printed(gold, "top").splitlines()
    rows = [line for line in lines if REASON in line]
    assert len(rows) == len(USERS)
    assert all("electronics.smartphone" in row for row in rows)
    assert "never" in rows[1]


def test_programs_get_raw_values(gold: Installation) -> None:
    as_json = json.loads(printed(gold, "top", "--rows", "2", "--format", "json"))
    as_csv = list(csv.DictReader(io.StringIO(printed(gold, "top", "--rows", "2", "--format=csv"))))
    assert [row["user_id"] for row in as_json] == [row["user_id"] for row in as_csv] == USERS[:2]
    assert as_json[0]["probability"] == float(as_csv[0]["probability"]) == 0.123456789012345 * 5
    assert as_json[0]["as_of_date"] == as_csv[0]["as_of_date"] == "2020-02-01"
    assert as_json[1]["days_since_last_purchase"] is None
    assert as_csv[1]["days_since_last_purchase"] == ""


def test_a_past_list_is_that_of_the_version_that_scored_last(gold: Installation) -> None:
    shown = gold.run("likely-buyers", "top", "--as-of", "2020-01-01")
    assert shown.succeeded, shown.output
    assert "Likeliest users as of 2020-01-01, version 2" in shown.output
    assert "there are scores of other versions, too: 1, 3" in shown.output
    rows = json.loads(printed(gold, "top", "--as-of", "2020-01-01", "--format", "json"))
    assert [row["user_id"] for row in rows] == USERS
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert {row["model_version"] for row in rows} == {2}


def test_scores_that_were_given_later_are_told(gold: Installation) -> None:
    shown = gold.run("likely-buyers", "top", "--as-of", "2019-12-01", "--rows", "1")
    assert "were computed later, by likely-buyers backfill" in shown.output
    assert USERS[2] in shown.output
    assert USERS[1] not in shown.output


def test_a_day_that_nobody_scored_is_told_with_those_that_were(gold: Installation) -> None:
    shown = gold.run("likely-buyers", "top", "--as-of", "2018-01-01")
    assert not shown.succeeded
    assert shown.output.startswith("Error: nobody was scored as of 2018-01-01 by likely_buyers")
    assert "2020-02-01, 2020-01-01, 2019-12-01" in shown.output


def test_another_target_is_asked_through_dbt(gold: Installation, tmp_path: Path) -> None:
    profiles = (PROJECT / "profiles.yml").read_text()
    # another text than the shipped one's, whose lake is known without dbt
    assert profiles.count("or 'warehouse'") == 3
    given = profiles.replace("or 'warehouse'", "or 'elsewhere'")
    (tmp_path / "profiles.yml").write_text(given)
    shown = gold.run("likely-buyers", "top", "--profiles-dir", str(tmp_path))
    assert shown.succeeded, shown.output
    for user in USERS:
        assert user in shown.output


def test_a_target_without_the_lake_is_refused_by_dbt_and_by_commands(
    gold: Installation, tmp_path: Path
) -> None:
    profiles = (PROJECT / "profiles.yml").read_text()
    assert profiles.count('path: "ducklake:') == 1
    (tmp_path / "profiles.yml").write_text(profiles.replace('path: "ducklake:', 'path: "'))
    for command in (("dbt", "build"), ("likely-buyers", "report")):
        told = refused(gold.run(*command, "--profiles-dir", str(tmp_path)))
        assert "the target must attach the lake as likely_buyers" in told


# --- progress, on a terminal and piped ------------------------------------------------------

WORK = """
import sys
from likely_buyers.terminal import Progress, say
clock = [0.0]
progress = Progress("scoring", total=1_000, unit="users", clock=lambda: clock[0])
for done in range(0, 1_001, 10):
    clock[0] = done / 10
    progress(done)
    if done == 500:
        say("half of it")
print("the result")
"""


def test_progress_on_a_terminal() -> None:
    shown = on_a_terminal(60, sys.executable, "-c", WORK, environment=dict(os.environ))
    assert "] 40 % (400 of 1,000 users)" in shown
    assert "about 60 s left" not in shown.split("\n")[-1]
    bars = [bar for bar in shown.replace("\n", "\r").split("\r") if "scoring [" in bar]
    assert len(bars) > 50
    assert all(len(bar.removeprefix("\x1b[K")) < 60 for bar in bars)
    # what stays on the screen are the lines
    assert shown.endswith("\r\x1b[Kthe result\n")
    assert "\r\x1b[Klikely_buyers: half of it\n" in shown


def test_progress_in_a_log() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", WORK], text=True, capture_output=True, timeout=60, check=True
    )
    lines = finished.stderr.splitlines()
    assert lines[3] == "likely_buyers: scoring 40 % (400 of 1,000 users), about 60 s left"
    assert lines[5] == "likely_buyers: half of it"
    assert len(lines) == 11
    assert finished.stdout == "the result\n"


def test_publishing_tells_of_every_row_written_or_not(tmp_path: Path) -> None:
    from likely_buyers.publishing import publish

    shop = Shop(tmp_path)
    shop.build(1)
    for _ in ("all is written", "nothing has changed"):
        totals: list[int] = []
        told: list[int] = []

        def progress(rows: int, totals: list[int] = totals, told: list[int] = told):  # type: ignore[no-untyped-def]
            totals.append(rows)
            return told.append

        publish(shop.lake, SETTINGS, shop.published, lambda _: None, progress)
        assert totals == [3 * (200 + 200 + 20 + 1)]
        assert told == sorted(told)
        assert told[-1] == totals[0]


# --- refusals, through dbt ------------------------------------------------------------------


def refused(finished: Finished) -> str:
    assert not finished.succeeded, finished.output
    assert "Traceback" not in finished.output
    return finished.output


def test_a_refusal_by_dbt_is_told_once_and_without_the_macros(installation: Installation) -> None:
    told = refused(installation.dbt("build", variables={"event_mapping": "nope"}))
    assert told.count("likely_buyers: unknown event mapping 'nope'") == 1
    assert "> in macro" not in told
    assert "called by" not in told


def test_a_second_thread_of_dbt_is_refused_before_anything_is_written(
    installation: Installation, tmp_path: Path
) -> None:
    told = refused(installation.dbt("build", "--threads", "2"))
    assert "dbt must build with one thread, and is to have 2" in told
    profiles = (PROJECT / "profiles.yml").read_text()
    assert "threads: 1" in profiles
    (tmp_path / "profiles.yml").write_text(profiles.replace("threads: 1", "threads: 4"))
    told = refused(installation.dbt("build", "--profiles-dir", str(tmp_path)))
    assert "is to have 4" in told
    assert not installation.state.exists()


@pytest.mark.parametrize(
    ("variables", "meant"),
    [({"top_fractoin": 0.2}, "top_fraction"), ({"publish": {"detla": None}}, "delta")],
)
def test_a_misspelt_name_is_refused_by_dbt_before_anything_is_written(
    installation: Installation, variables: dict[str, object], meant: str
) -> None:
    told = refused(installation.dbt("build", variables=variables))
    assert f"Did you mean '{meant}'?" in told
    assert not installation.state.exists()


def test_an_as_of_years_after_the_last_event_builds_and_warns(
    installation: Installation, tmp_path: Path
) -> None:
    header = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id"
    events = tmp_path / "events.csv"
    events.write_text(
        f"{header},user_session\n"
        "2020-01-01 10:00:00 UTC,purchase,1,2,,acme,9.99,11,s1\n"
        "2020-01-02 10:00:00 UTC,view,1,2,,acme,9.99,12,s2\n"
    )
    variables = {"events_path": str(events), "as_of": date(2035, 1, 1)}
    features = ("--select", "+user_features")
    built = installation.build_models(*features, variables=variables)
    assert built.succeeded, built.output
    told = " ".join(built.output.split())
    assert "as_of 2035-01-01 is 5,478 days after the last event day (2020-01-02)" in told

    soon = installation.build_models(*features, variables={**variables, "as_of": date(2020, 1, 31)})
    assert soon.succeeded, soon.output
    assert "after the last event day" not in soon.output
