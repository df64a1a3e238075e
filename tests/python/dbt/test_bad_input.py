"""Bad input: the message names the thing and the remedy, and nothing is half written."""

import gzip
from pathlib import Path
from typing import Any

import duckdb
import pytest

from support.installation import Installation

HEADER = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
)
LINE = "2020-01-{day:02d} 10:00:00 UTC,view,1,2,,acme,9.99,{user},s{user}"


def lines(count: int = 20) -> list[str]:
    # 0 stands for nobody
    return [LINE.format(day=1 + n % 28, user=n + 1) for n in range(count)]


def write(file: Path, header: str = HEADER, count: int = 20) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([header, *lines(count), ""]))
    return file


def refused(installation: Installation, select: str, variables: dict[str, Any]) -> str:
    finished = installation.dbt("build", "--select", select, variables=variables)
    assert not finished.succeeded, finished.output
    assert "Traceback" not in finished.output
    return " ".join(finished.output.split())


def test_a_path_that_matches_no_file(installation: Installation, tmp_path: Path) -> None:
    message = refused(installation, "+events", {"events_path": str(tmp_path / "none/*.csv")})
    assert f"events_path '{tmp_path}/none/*.csv' matches no event file" in message
    assert "Set vars.events_path" in message


def test_an_empty_file(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    message = refused(installation, "+events", {"events_path": str(tmp_path / "empty.csv")})
    assert "every file there is empty" in message
    assert "empty.csv" in message


def test_an_empty_file_among_others_is_a_warning(
    installation: Installation, tmp_path: Path
) -> None:
    write(tmp_path / "in" / "full.csv")
    (tmp_path / "in" / "empty.csv").touch()
    finished = installation.built(
        "--select", "+events", variables={"events_path": str(tmp_path / "in")}
    )
    assert "empty.csv' is empty" in " ".join(finished.output.split())
    assert installation.query("select count(*) from silver.events") == [(20,)]


def test_a_header_alone(installation: Installation, tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "header.csv", count=0)
    variables = {"events_path": str(file)}
    message = refused(installation, "+user_features", variables)
    assert f"silver.events is empty: '{file}' has no line, or a header alone" in message
    assert "give the reason per line" not in message
    # lines of which none is an event have reasons
    file.write_text("\n".join([HEADER, *lines()]).replace(",view,", ",wink,"))
    message = refused(installation, "+user_features", variables | {"stop_left_over": 1})
    assert f"no line of '{file}' became an event. silver.quarantined_events" in message


def test_a_truncated_gzip_file(installation: Installation, tmp_path: Path) -> None:
    whole = gzip.compress("\n".join([HEADER, *lines(5000)]).encode())
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    message = refused(installation, "+events", {"events_path": str(tmp_path / "cut.csv.gz")})
    assert "cut.csv.gz' is no whole gzip file: it ends too early" in message
    assert "Deliver it again" in message


def test_a_truncated_parquet_file(installation: Installation, tmp_path: Path) -> None:
    duckdb.sql("select 1 as user_id from range(9999)").write_parquet(str(tmp_path / "cut.parquet"))
    whole = (tmp_path / "cut.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    message = refused(installation, "+events", {"events_path": str(tmp_path / "cut.parquet")})
    assert "cut.parquet' is no whole Parquet file" in message
    assert "Deliver it again" in message


def test_an_expression_that_cannot_be_evaluated(installation: Installation, tmp_path: Path) -> None:
    """Others are tried in unit/sources/test_mapping_file_check.py."""
    mapping = {"event_time": "event_time", "event_type": "event_type", "user_id": "user_id"}
    message = refused(
        installation,
        "+events",
        {
            "events_path": str(write(tmp_path / "a.csv")),
            "event_mapping": "mine",
            "event_mappings": {"mine": mapping | {"price": "price / 100"}},
        },
    )
    assert "the event mapping 'mine' gives for 'price'" in message
    assert "cannot be evaluated: price / 100 (over the columns of" in message
    assert "cast" in message
    assert "Nothing was loaded" in message


def test_a_missing_column(installation: Installation, tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.csv")
    write(tmp_path / "in" / "renamed.csv", HEADER.replace("user_id", "customer"))
    message = refused(installation, "+events", {"events_path": str(tmp_path / "in")})
    assert "renamed.csv' has no column 'user_id'" in message
    assert "customer" in message
    assert "Nothing was loaded" in message
    assert installation.query(
        "select count(*) from duckdb_tables() where table_name = 'raw_events'"
    ) == [(0,)]


def test_an_optional_column_that_is_missing_is_null(
    installation: Installation, tmp_path: Path
) -> None:
    write(tmp_path / "a.csv", HEADER.replace("brand", "maker"))
    finished = installation.built(
        "--select", "+events", variables={"events_path": str(tmp_path / "a.csv")}
    )
    assert "has no column 'brand'" in " ".join(finished.output.split())
    assert installation.query("select count(*), count(brand) from silver.events") == [(20, 0)]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"event_mapping": "magento"}, "unknown event mapping 'magento'. vars.event_mappings has:"),
        ({"as_of": "9 November"}, "vars.as_of must be a date as YYYY-MM-DD"),
        ({"top_fraction": 10}, "vars.top_fraction must be a number above 0 and at most 1"),
    ],
    ids=["unknown mapping", "as_of", "top_fraction"],
)  # fmt: skip
def test_bad_configuration_stops_before_anything_is_written(
    installation: Installation, variables: dict[str, Any], expected: str
) -> None:
    assert expected in refused(installation, "event_types", variables)
    assert not (installation.state / "catalog.ducklake").exists() or installation.query(
        "select count(*) from duckdb_tables() where schema_name = 'bronze'"
    ) == [(0,)]


def test_as_of_before_the_first_event(installation: Installation, tmp_path: Path) -> None:
    events = str(write(tmp_path / "a.csv"))
    message = refused(
        installation, "+user_features", {"events_path": events, "as_of": "2019-12-31"}
    )
    assert "as_of 2019-12-31 is not after the first event day (2020-01-01)" in message


def test_another_mapping_in_the_same_warehouse(installation: Installation, tmp_path: Path) -> None:
    variables = {"events_path": str(write(tmp_path / "a.csv"))}
    installation.built("--select", "+raw_events", variables=variables)
    message = refused(installation, "+raw_events", variables | {"event_mapping": "retailrocket"})
    assert "this warehouse holds events read with the event mapping 'rees46'" in message
    assert "LIKELY_BUYERS_STATE" in message


def test_a_column_of_the_wrong_type_is_quarantined(
    installation: Installation, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.csv")
    file.write_text(file.read_text().replace("9.99,1,", "cheap,1,").replace("2020-01-02", "day 2"))
    installation.built("--select", "+events", variables={"events_path": str(file)})
    assert installation.query("select reasons from silver.quarantined_events order by 1") == [
        ("invalid_event_time",),
        ("invalid_price",),
    ]
    assert installation.query("select count(*) from silver.events") == [(18,)]
