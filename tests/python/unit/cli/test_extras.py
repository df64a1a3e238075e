"""Packages that only some users need: a missing one is told with the line to type."""

import sys
from pathlib import Path

import pytest

from likely_buyers.errors import MissingPackage
from likely_buyers.publishing.folders import folder_at
from likely_buyers.publishing.publish import _jobs
from likely_buyers.sources.listing import Listed
from likely_buyers.sources.staging import local_copy

NONE = {"duckdb": None, "parquet": None, "delta": None, "delta_keep_days": 30, "postgres": None}


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> "Hide":
    return Hide(monkeypatch)


class Hide:
    """As if a package were not installed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __call__(self, package: str, *users: str) -> None:
        for name in list(sys.modules):
            if name.split(".")[0] == package or name in users:
                self._patch.delitem(sys.modules, name)
        self._patch.setitem(sys.modules, package, None)


def test_delta(without: Hide, tmp_path: Path) -> None:
    without("deltalake", "likely_buyers.publishing.delta")
    with pytest.raises(MissingPackage, match=r"pip install 'likely_buyers\[publish\]'"):
        list(_jobs({**NONE, "delta": "delta"}, tmp_path))


def test_no_delta_wanted(without: Hide, tmp_path: Path) -> None:
    without("deltalake", "likely_buyers.publishing.delta")
    without("psycopg", "likely_buyers.publishing.postgres")
    settings = {**NONE, "duckdb": "gold.duckdb", "parquet": "parquet"}
    assert [name for name, _ in _jobs(settings, tmp_path)] == ["gold.duckdb", "parquet"]


def test_s3(without: Hide, tmp_path: Path) -> None:
    without("obstore")
    with pytest.raises(
        MissingPackage, match=r"s3://shop/gold needs the package obstore.*\[publish\]"
    ):
        folder_at("parquet", "s3://shop/gold", tmp_path)


def test_events_in_a_bucket(without: Hide, tmp_path: Path) -> None:
    without("obstore")
    there = Listed("s3://shop/a.csv", "s3://shop/a.csv", None, "csv", 9, "", 9, "")
    with pytest.raises(
        MissingPackage, match=r"vars.events_path=s3://shop/a.csv needs the package obstore.*\[s3\]"
    ):
        local_copy(there, tmp_path)


def test_postgres(without: Hide, tmp_path: Path) -> None:
    without("psycopg", "likely_buyers.publishing.postgres")
    with pytest.raises(MissingPackage, match=r"psycopg.*pip install 'likely_buyers\[postgres\]'"):
        list(_jobs({**NONE, "postgres": {"schema": "gold"}}, tmp_path))


@pytest.mark.parametrize("package", ["altair", "vl_convert"])
def test_the_report(
    without: Hide, package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from likely_buyers.cli import main

    report = [name for name in sys.modules if name.startswith("likely_buyers.report")]
    without(package, *report)
    arguments = ["likely-buyers", "report", "--out", str(tmp_path / "page.html")]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(sys, "argv", arguments)
        main()
    assert left.value.code == 1
    told = capsys.readouterr().err
    assert f"the report needs the package {package.replace('_', '-')}" in told
    assert "pip install 'likely_buyers[report]'" in told
    assert "Traceback" not in told
