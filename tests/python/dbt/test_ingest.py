"""Ingest: every format and every kind of broken line, nothing lost, nothing doubled."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from support.installation import Installation

HEADER = "ts,action,customer,sku,cents"
MAPPING: dict[str, Any] = {
    "event_time": "cast(ts as timestamp)",
    "event_type": "action",
    "user_id": "customer",
    "product_id": "sku",
    "price": "cast(cents as decimal(18, 2)) / 100",
}


def variables(path: Path, **changes: Any) -> dict[str, Any]:
    return {
        "events_path": str(path),
        # half of the lines are broken on purpose
        "stop_left_over": 1,
        "event_mapping": "mine",
        "event_mappings": {"mine": MAPPING | changes},
    }


def good(day: int, user: str, sku: str = "1") -> str:
    return f"2020-01-{day:02d} 10:00:00,view,{user},{sku},250"


def csv(file: Path, *lines: str | bytes, end: bytes = b"\n", start: bytes = b"") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    encoded = [line.encode() if isinstance(line, str) else line for line in (HEADER, *lines)]
    content = start + end.join(encoded) + end
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)


def test_every_line_of_every_format_goes_where_it_belongs(
    installation: Installation, tmp_path: Path
) -> None:
    folder = tmp_path / 'it\'s "in"'
    csv(folder / "plain.csv", good(1, "plain"), good(1, "plain"), "", good(2, "007"))
    csv(folder / "windows.csv", good(1, "windows"), end=b"\r\n", start=b"\xef\xbb\xbf")
    csv(folder / "sub" / "zipped.csv.gz", good(1, "zipped"))
    csv(folder / "_truth" / "ignored.csv", good(1, "ignored"))
    csv(
        folder / "broken.csv",
        good(1, "quoted").replace(",1,", ',"a ""b"", c",'),
        "2020-01-01 10:00:00,view,short",
        good(1, "long") + ",more,still more",
        b"2020-01-01 10:00:00,view,\xff\xfe,1,250",
        '2020-01-01 10:00:00,"view,swallows,1,250',
        good(3, "after the quote"),
    )
    semicolons = [line.replace(",", ";") for line in (HEADER, good(1, "semicolon"))]
    (folder / "semicolon.csv").write_text("\n".join(semicolons))
    record = {
        "ts": "2020-01-01 10:00:00",
        "action": "view",
        "customer": "json",
        "sku": 7,
        "cents": 250,
    }
    (folder / "lines.jsonl").write_text(
        "\n".join([json.dumps(record), '{"ts": "2020', "[1]", json.dumps(record | {"cents": None})])
    )
    pq.write_table(
        pa.table(
            {
                "ts": pa.array([1577872800000000], pa.timestamp("us")),
                "action": ["view"],
                "customer": [42],
                "sku": [7],
                "cents": [250],
            }
        ),
        folder / "typed.parquet",
    )
    csv(
        folder / "quarantine.csv",
        "yesterday,view,u,1,250",
        "2020-01-01 10:00:00,share,u,1,250",
        "2020-01-01 10:00:00,view,,1,250",
        "2020-01-01 10:00:00,view,u,1,-1",
        "2020-01-01 10:00:00,view,u,1,cheap",
        "2099-01-01 10:00:00,nothing,,1,250",
    )
    installation.built("--select", "+events", variables=variables(folder))

    assert sorted(installation.query("select reason, line from bronze.rejected_lines")) == sorted(
        [
            ("too few fields", "2020-01-01 10:00:00,view,short"),
            ("too many fields", good(1, "long") + ",more,still more"),
            ("not UTF-8", "2020-01-01 10:00:00,view,ÿþ,1,250"),
            ("unterminated quote", '2020-01-01 10:00:00,"view,swallows,1,250'),
            ("not valid JSON", '{"ts": "2020'),
            ("not a JSON object", "[1]"),
        ]
    )
    assert installation.query("select reasons from silver.quarantined_events order by 1") == [
        ("future_event_time unknown_event_type missing_user_id",),
        ("invalid_event_time",),
        ("invalid_price",),
        ("missing_user_id",),
        ("negative_price",),
        ("unknown_event_type",),
    ]
    found = installation.query(
        "select user_id, product_id, price, line_count from told_events order by all"
    )
    assert [(user, sku, count) for user, sku, _, count in found] == [
        ("007", "1", 1),
        ("42", "7", 1),
        ("after the quote", "1", 1),
        ("json", "7", 1),
        ("json", "7", 1),
        ("plain", "1", 2),
        ("quoted", 'a "b", c', 1),
        ("semicolon", "1", 1),
        ("windows", "1", 1),
        ("zipped", "1", 1),
    ]
    assert sorted({str(price) for _, _, price, _ in found}) == ["2.5000", "None"]


def test_what_makes_two_lines_the_same_event(installation: Installation, tmp_path: Path) -> None:
    csv(tmp_path / "in" / "a.csv", good(2, "u"), good(1, "u"), good(1, "u"))
    csv(tmp_path / "in" / "b.csv", good(1, "u"), good(1, "u", sku="2"))
    path = tmp_path / "in"
    count = "select count(*), sum(line_count), count(distinct event_id) from told_events"
    installation.built("--select", "+events", variables=variables(path))
    assert installation.query(count) == [(3, 5, 3)]
    # a changed mapping starts silver over by itself
    installation.built("--select", "+events", variables=variables(path, dedupe_on=["sku"]))
    assert installation.query(count) == [(2, 5, 2)]
    assert (
        installation.query("select min(event_date) from silver.events where product_id = '1'")[0][
            0
        ].isoformat()
        == "2020-01-01"
    )
    installation.built("--select", "+user_days", variables=variables(path, dedupe_on="none"))
    assert installation.query(count) == [(5, 5, 5)]
    csv(tmp_path / "in" / "c.csv", good(1, "u"))
    installation.built("--select", "+user_days", variables=variables(path, dedupe_on="none"))
    assert installation.query(count) == [(6, 6, 6)]
    assert installation.query("select sum(events) from silver.user_days") == [(6,)]


def test_increments_equal_a_full_load(installation: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    tables = {
        "told_events": "*",
        "silver.user_days": "*",
        "silver.quarantined_events": "reasons, line",
    }

    def contents(of: Installation) -> dict[str, list[tuple[Any, ...]]]:
        return {t: of.query(f"select {c} from {t} order by all") for t, c in tables.items()}

    csv(folder / "1.csv", good(1, "a"), good(1, "b"), good(2, "a"), "never,view,x,1,1")
    installation.built("--select", "+user_days", variables=variables(folder))
    # a day later: a new day, a late line, and lines that came before
    csv(folder / "2.csv", good(3, "a"), good(1, "a"), good(1, "c"), good(1, "a", sku="9"))
    installation.built("--select", "+user_days", variables=variables(folder))
    assert installation.query(
        "select source_file, load_id from bronze.loaded_files order by 2"
    ) == [
        (f"{folder}/1.csv", 1),
        (f"{folder}/2.csv", 2),
    ]
    fresh = Installation(tmp_path / "fresh")
    fresh.built("--select", "+user_days", variables=variables(folder))
    assert contents(installation) == contents(fresh)

    # a file of the same name with other content replaces its earlier lines
    csv(folder / "1.csv", good(1, "a"), good(5, "d"))
    os.utime(folder / "1.csv", (1_700_000_000, 1_700_000_000))
    installation.built("--select", "+user_days", variables=variables(folder))
    fresh.built("--full-refresh", "--select", "+user_days", variables=variables(folder))
    assert contents(installation) == contents(fresh)
    assert installation.query("select count(*) from silver.events where user_id = 'b'") == [(0,)]
