"""The program: its own options, and what an error looks like. Nothing here asks dbt."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer.main
import yaml
from typer.testing import CliRunner

from likely_buyers.cli import app, main
from likely_buyers.terminal import Volume, set_volume, volume
from support.installation import PROJECT

RUN = CliRunner()
CHANGELOG = PROJECT / "CHANGELOG.md"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_volume(Volume.USUAL)
    monkeypatch.setenv("LIKELY_BUYERS_STATE", str(tmp_path / "state"))
    # commands change into the project
    monkeypatch.chdir(PROJECT)


def called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["likely-buyers", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


def test_the_version_is_the_package_s() -> None:
    shown = RUN.invoke(app, ["--version"])
    assert shown.output == f"likely-buyers {version('likely_buyers')}\n"


def test_one_version_everywhere() -> None:
    declared = re.search(r'^version = "(.+)"$', (PROJECT / "pyproject.toml").read_text(), re.M)
    assert declared
    assert version("likely_buyers") == declared[1]
    assert yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["version"] == declared[1]
    if CHANGELOG.exists():
        newest = re.search(r"^## \[?v?([0-9][^\]\s,]*)", CHANGELOG.read_text(), re.M)
        assert newest
        assert newest[1] == declared[1]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_commands(shell: str) -> None:
    finished = subprocess.run(
        [str(Path(sys.executable).with_name("likely-buyers"))],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(PROJECT / "python"),
            "_LIKELY_BUYERS_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": "likely-buyers ro",
            "COMP_CWORD": "1",
            "_TYPER_COMPLETE_ARGS": "likely-buyers ro",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
        cwd=PROJECT,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert "rollback" in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--quiet", "models"], Volume.QUIET),
        (["models", "-q"], Volume.QUIET),
        (["-v", "models"], Volume.VERBOSE),
        (["models", "--verbose"], Volume.VERBOSE),
        (["models"], Volume.USUAL),
    ],
)
def test_how_much_is_told_is_said_before_the_command_or_after_it(
    arguments: list[str], expected: Volume
) -> None:
    assert RUN.invoke(app, arguments).exit_code == 0
    assert volume() is expected


def test_quiet_and_verbose_exclude_each_other() -> None:
    shown = RUN.invoke(app, ["models", "-q", "-v"])
    assert shown.exit_code == 2
    assert "exclude each other" in " ".join(shown.output.split())


def test_every_command_of_a_project_takes_the_options_of_dbt() -> None:
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--quiet", "--verbose"} <= options, name
        if name != "simulate":
            assert {"--project-dir", "--profiles-dir", "--target", "--vars"} <= options, name
        assert not {"--json", "--limit"} & options, name


def test_an_expected_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "top") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Error: there is no database ")
    assert told.err.count("\n") == 1


def test_a_verbose_error_has_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["likely-buyers", "-v", "top"])
    with pytest.raises(Exception, match="there is no database"):
        main()


def test_a_misspelt_variable_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert called(monkeypatch, "train", "--vars", "{top_fractoin: 0.2}") == 1
    assert "Did you mean 'top_fraction'?" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_project_file_that_is_no_yaml(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "dbt_project.yml").write_text("vars: {as_of: [")
    assert called(monkeypatch, "models", "--project-dir", str(tmp_path)) == 1
    assert "dbt_project.yml cannot be read as YAML" in capsys.readouterr().err


def test_no_date_is_told_as_such() -> None:
    shown = RUN.invoke(app, ["top", "--as-of", "yesterday"])
    assert shown.exit_code == 2
    assert "--as-of must be a date as YYYY-MM-DD, found: yesterday" in " ".join(
        shown.output.replace("│", " ").split()
    )


@pytest.mark.parametrize("command", ["top", "models"])
def test_who_reads_waits_for_no_library_that_writes(command: str) -> None:
    script = (
        "import sys\nfrom likely_buyers.cli import main\n"
        f"sys.argv = ['likely-buyers', '{command}']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "slow = {'dbt', 'sklearn', 'mlflow', 'pandas', 'pyarrow', 'shap', 'rich'}\n"
        "print(sorted(slow & {name.split('.')[0] for name in sys.modules}))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert finished.stdout.splitlines()[-1] == "[]", finished


@pytest.mark.parametrize(
    "command",
    [
        *(["top"], ["report"], ["train"], ["models"], ["promote", "1"], ["rollback"], ["backtest"]),
        ["backfill", "--from", "2020-01-01", "--to", "2020-01-02"],
        ["replay", "--as-of", "2020-01-01", "--version", "1"],
    ],
    ids=lambda command: command[0],
)
def test_a_command_takes_the_name_of_an_outcome_and_refuses_one_that_is_not_there(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, *command, "--outcome", "purchase_31d") == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "vars.outcomes has no outcome 'purchase_31d'. Did you mean 'purchase_30d'?" in told
