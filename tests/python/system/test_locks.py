"""A database that another process holds: who it is, and waiting or stopping as configured."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from dbt_common.exceptions import DbtRuntimeError

from likely_buyers.dbt.plugin import Plugin
from likely_buyers.lake import LakeInUse, LakeProblem, connect, limits, opened
from likely_buyers.scoring.errors import ScoringError
from likely_buyers.settings import BadSetting, Lake
from support.installation import PROJECT, Installation

HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def database(installation: Installation) -> Path:
    installation.state.mkdir()
    return installation.state / "catalog.ducklake"


@pytest.fixture
def lake(installation: Installation) -> Lake:
    return Lake.in_folder(installation.state)


def test_our_commands_open_the_database_as_the_profile_does(lake: Lake) -> None:
    profile = yaml.safe_load((PROJECT / "profiles.yml").read_text())["likely_buyers"]
    output = profile["outputs"]["duckdb"]
    # what is set for each cursor changes under the query of another
    assert "settings" not in output
    given = dict(output["config_options"])
    ours = limits(lake)
    assert given.keys() == ours.keys()
    plain = {name: value for name, value in given.items() if "{{" not in str(value)}
    assert {name: str(value).lower() for name, value in plain.items()}.items() <= ours.items()
    assert len(plain) == 2


@pytest.fixture
def holder(database: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the database until its input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def let_go(holder: subprocess.Popen[str]) -> None:
    assert holder.stdin
    holder.stdin.close()


def test_a_build_stops_and_names_the_holder(
    installation: Installation, holder: subprocess.Popen[str]
) -> None:
    installation.settings["LIKELY_BUYERS_LOCK_ATTEMPTS"] = "2"
    finished = installation.dbt("build", "--select", "event_types")
    assert not finished.succeeded
    assert "Traceback" not in finished.output
    message = " ".join(finished.output.split())
    assert f"catalog.ducklake is in use by another process: PID {holder.pid}, " in message
    assert "It did not end within 2 attempts" in message
    assert "Wait for it to end (with LIKELY_BUYERS_LOCK_ATTEMPTS=600" in message
    assert "or set LIKELY_BUYERS_STATE to another folder." in message


def test_a_build_waits_for_the_holder_and_goes_through(
    installation: Installation, holder: subprocess.Popen[str]
) -> None:
    installation.settings["LIKELY_BUYERS_LOCK_ATTEMPTS"] = "120"
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("dbt")), "build", "--select", "event_types"],
        cwd=PROJECT,
        env=installation.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as build:
        assert build.stdout
        seen = []
        for line in build.stdout:
            seen.append(line)
            if "Waiting for it" in line:
                assert f"in use by another process: PID {holder.pid}, " in line
                assert "up to 120 attempts" in line
                let_go(holder)
        assert build.wait(60) == 0, seen
    assert any("Waiting for it" in line for line in seen), seen
    assert installation.query("select count(*) > 0 from bronze.event_types") == [(True,)]


def test_the_commands_stop_or_wait_as_the_build_does(
    lake: Lake,
    holder: subprocess.Popen[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LIKELY_BUYERS_LOCK_ATTEMPTS", "1")
    with pytest.raises(LakeInUse, match=rf"in use by another process: PID {holder.pid}, "):
        connect(lake)
    with pytest.raises(ScoringError, match="Wait for it to end"):
        opened(lake, ScoringError, read_only=True)
    assert capsys.readouterr().err == ""

    monkeypatch.setenv("LIKELY_BUYERS_LOCK_ATTEMPTS", "60")
    ends = threading.Timer(0.5, let_go, [holder])
    ends.start()
    with connect(lake) as connection:
        assert connection.sql("select 1").fetchall() == [(1,)]
    ends.join()
    assert "Waiting for it: up to 60 attempts" in capsys.readouterr().err


@pytest.mark.parametrize("attempts", ["0", "soon"])
def test_a_number_of_attempts_that_is_none(
    attempts: str, database: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKELY_BUYERS_LOCK_ATTEMPTS", attempts)
    with pytest.raises(
        BadSetting, match=f"must be a whole number of at least 1.*Found: {attempts}"
    ):
        connect(lake)
    # profiles.yml makes a number of it, and of a word 0
    attached = SimpleNamespace(
        path=f"ducklake:{database}", alias="likely_buyers", options={"data_path": lake.data}
    )
    credentials = SimpleNamespace(attach=[attached], retries=SimpleNamespace(connect_attempts=0))
    # before dbt-duckdb counts the attempts, and says that there was none
    with pytest.raises(DbtRuntimeError, match=rf"connect_attempts in profiles.*Found: {attempts}"):
        Plugin("likely_buyers", {}).update_connection_config(credentials, {})
    assert not database.exists()


def test_a_file_that_is_no_database_is_not_waited_for(
    database: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database.write_bytes(b"this is no DuckDB file" * 1000)
    monkeypatch.setenv("LIKELY_BUYERS_LOCK_ATTEMPTS", "60")
    with pytest.raises(LakeProblem, match="not a valid DuckDB database file"):
        connect(lake)
    assert "Waiting" not in capsys.readouterr().err
