"""The list of trained versions, whole in each form."""

import csv
import io
import json
from datetime import UTC, date, datetime

import pytest

from likely_buyers.cli.versions import print_versions
from likely_buyers.registry import ModelVersion

MODEL = "0.25 logistic regression, strong penalty + 0.5 BG/NBD + 0.25 boosting, 24 leaves"

WHY = "on 40 buyers among 900 examples at 3 later cutoffs nothing beats the plain rate beyond noise"


def version(number: int, is_champion: bool) -> ModelVersion:
    return ModelVersion(
        model_name="likely_buyers.purchase_30d",
        version=number,
        created_at=datetime(2020, 2, 1, tzinfo=UTC),
        as_of=date(2020, 1, 29),
        horizon_days=30,
        metrics={"roc_auc": 0.8240541769571822, "average_precision": 0.284},
        windows={"evaluate": ["2019-12-30"]},
        parameters={"chosen": MODEL, "why": WHY},
        model_digest="22119615d688" * 5,
        feature_signature="f",
        scikit_learn_version="1.9.1",
        run_id="r",
        is_champion=is_champion,
    )


VERSIONS = [version(9, True), version(10, False)]


@pytest.mark.parametrize("width", [80, 140, None])
def test_the_table_is_whole(
    width: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("likely_buyers.cli.tables.terminal_width", lambda: width)
    print_versions(VERSIONS, "table")
    shown = capsys.readouterr().out
    assert width is None or max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    together = " ".join(shown.split())
    assert together.count(f"{MODEL}: {WHY}") == 2
    for cell in ("2020-01-29", "30 days", "0.824", "22119615d688", "champion"):
        assert cell in together


def test_json_keeps_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    print_versions(VERSIONS, "json")
    shown = json.loads(capsys.readouterr().out)
    assert list(shown[0]) == [
        *("outcome", "version", "as_of", "horizon_days", "definition", "created_at", "metrics"),
        "windows",
        *("model_digest", "is_champion", "chosen", "why"),
    ]
    assert (shown[0]["chosen"], shown[0]["why"]) == (MODEL, WHY)
    assert shown[0]["metrics"]["roc_auc"] == 0.8240541769571822


def test_csv_has_a_column_a_metric(capsys: pytest.CaptureFixture[str]) -> None:
    print_versions(VERSIONS, "csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["version"] for row in rows] == ["9", "10"]
    assert float(rows[0]["roc_auc"]) == 0.8240541769571822


def test_no_version_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    print_versions([], "table")
    assert "likely-buyers train --promote" in capsys.readouterr().out
    print_versions([], "json")
    assert json.loads(capsys.readouterr().out) == []
