"""`likely-buyers inspect`: what it recognises, drafts, tells and asks."""

import gzip
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from support.installation import Finished, Installation

# A mapping is tried on a copy of the project with what it needs, which dbt would parse for three seconds each time:
# here it is given the whole project.
PARSED = """
import dbt.cli.main

runner = dbt.cli.main.dbtRunner
dbt.cli.main.dbtRunner = lambda manifest=None, **options: runner(manifest or parsed_project, **options)
"""


@dataclass
class Inspector:
    """Inspects on a terminal of 80 columns, with a state folder that nothing is to be written to."""

    folder: Path

    def __call__(
        self, path: Path, variables: dict[str, Any] | None = None, first: str = PARSED
    ) -> Finished:
        untouched = Installation(self.folder / "untouched", settings={"COLUMNS": "80"})
        return untouched.run(
            "likely-buyers", "inspect", str(path), variables=variables, first=first
        )


@pytest.fixture
def inspect(tmp_path: Path) -> Inspector:
    return Inspector(tmp_path)


def one_line(text: str) -> str:
    return " ".join(text.split())


def drafted(output: str) -> dict[str, Any]:
    """The draft, as somebody copies it from the terminal."""
    lines = output.splitlines()
    begin = lines.index("    my_shop:")
    end = next(number for number in range(begin, len(lines)) if not lines[number])
    return yaml.safe_load("\n".join(lines[begin:end]))


SALES = """Order No;Order Date;Customer No;E-Mail;Article No;Title;Qty;Unit Price;Status
1001;05/01/2026 10:11;K7;ann@x.example;A-1;Lampe;2;12,50 €;Paid
1001;05/01/2026 10:11;K7;ann@x.example;A-2;"Kabel; 2 m";1;1.004,00 €;Paid
1002;06/01/2026 09:00;K8;bob@x.example;A-1;Lampe;1;12,50 €;Cancelled
1003;07/01/2026 12:30;K7;ann@x.example;A-3;Schirm;1;30,00 €;Shipped
1004;08/01/2026 12:31;;eve@x.example;A-3;Schirm;1;30,00 €;Paid
1005;09/01/2026 12:31;K9;kim@x.example;A-3;Schirm;3;30,00 €;Mystery
"""


def test_a_draft_builds(inspect: Inspector, tmp_path: Path) -> None:
    """What was drafted for an unknown file is pasted and built, and gives the events that were foretold."""
    (tmp_path / "sales.csv").write_text(SALES)
    found = inspect(tmp_path / "sales.csv")
    assert found.succeeded, found.output
    assert not (tmp_path / "untouched").exists()
    mapping = drafted(found.output)
    assert list(mapping["my_shop"]["user_id"]) == ['"Customer No"', 'as_email("E-Mail")']
    assert mapping["my_shop"]["leave_out"] == {
        "cancelled": "lower(trim(\"Status\")) in ('cancelled')"
    }
    told = one_line(found.output)
    # what only the shop can know
    assert "written day first or month first?" in told
    assert "Which time zone is Order Date in?" in told
    assert "Who is the user: Customer No, else E-Mail?" in told
    assert "What does 'Mystery' in Status mean?" in told
    assert "unknown_event_type" in told
    assert "left out 1 as cancelled" in told
    assert "purchase 4 of 2 users" in told

    finished = Installation(tmp_path / "state").build_models(
        *("--select", "+events"),
        variables={
            "event_mappings": mapping,
            "event_mapping": "my_shop",
            "events_path": str(tmp_path / "sales.csv"),
        },
    )
    assert finished.succeeded, finished.output
    events = Installation(tmp_path / "state").query(
        "select user_id, cast(event_time as varchar), event_type, product_id, quantity from silver.events order by all"
    )
    assert events == [
        ("K7", "2026-01-05 10:11:00", "purchase", "A-1", 2),
        ("K7", "2026-01-05 10:11:00", "purchase", "A-2", 1),
        ("K7", "2026-01-07 12:30:00", "purchase", "A-3", 1),
        ("eve@x.example", "2026-01-08 12:31:00", "purchase", "A-3", 1),
    ]


ETSY = """Sale Date,Item Name,Buyer,Quantity,Price,Currency,Transaction ID,Listing ID,Order ID,Variations,SKU
03/04/26,Fox,Ann Lee (annlee3),2,3.50,USD,41,91,31,,
03/05/26,Owl,Guest,1,4.00,USD,42,92,32,,
noon,Owl,Bo (bo1),1,4.00,USD,43,92,33,,
"""


def test_a_known_export_and_its_faults(inspect: Inspector, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "sold.csv").write_text(ETSY)
    found = inspect(tmp_path / "export", first="")
    told = one_line(found.output)
    assert found.succeeded, found.output
    assert "The mapping etsy fits: 10 of the 10 columns" in told
    assert "The mapping makes no use of: Item Name" in told
    assert "invalid_event_time 1" in told
    assert "missing_user_id 1" in told
    assert (
        f"dbt build --vars '{{event_mapping: etsy, events_path: {tmp_path}/export}}'"
        in found.output
    )


def ga4_event(name: str, number: int) -> dict[str, Any]:
    return {
        "event_date": "20260501",
        "event_timestamp": str(1_777_593_600_000_000 + number),
        "event_name": name,
        "event_params": [{"key": "ga_session_id", "value": {"int_value": "5"}}],
        "user_pseudo_id": f"10.{number % 2}",
        "items": [{"item_id": f"I{number}", "price": 3.5}],
    }


def test_a_json_array(inspect: Inspector, tmp_path: Path) -> None:
    events = [ga4_event("view_item", 1), ga4_event("purchase", 2), ga4_event("page_view", 3)]
    (tmp_path / "events.json").write_text(json.dumps(events, indent=1))
    found = inspect(tmp_path / "events.json")
    assert "JSON, one array; " in one_line(found.output)
    assert "The mapping ga4 fits" in one_line(found.output)


def test_a_zip_with_members_of_a_mapping(inspect: Inspector, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        for day in (1, 2):
            archive.writestr(
                f"day_{day}.csv",
                "timestamp,visitorid,event,itemid,transactionid\n"
                + "".join(f"14332213{day}{n}117,{n % 3 + 1},view,3559{n},\n" for n in range(5)),
            )
    found = inspect(tmp_path / "log.zip")
    told = one_line(found.output)
    assert found.succeeded, found.output
    assert "10 lines of 2 files" in told
    assert "The mapping retailrocket fits" in told
    assert "view 10 of 3 users" in told


def test_only_the_first_lines_are_read(inspect: Inspector, tmp_path: Path) -> None:
    """Of a long file, cut behind a record rather than within one; compressed files keep being so."""
    rows = [f'2026-01-{n % 28 + 1:02} 10:00:00,u{n % 50},"a\nnote {n}"\n' for n in range(70_000)]
    (tmp_path / "notes.csv.gz").write_bytes(
        gzip.compress(("time,customer_id,note\n" + "".join(rows)).encode(), compresslevel=1)
    )
    found = inspect(tmp_path / "notes.csv.gz")
    told = one_line(found.output)
    assert found.succeeded, found.output
    assert "the first 50,000 lines were read" in told
    assert "none: each line is an event" in told


def test_the_users_own_mapping(inspect: Inspector, tmp_path: Path) -> None:
    rows = "(values (timestamp '2026-01-01 10:00', 'a', 2.5), ('2026-01-02', 'b', -1)) as t(at_, who, paid)"
    with duckdb.connect() as connection:
        connection.execute(f"copy (select * from {rows}) to '{tmp_path}/x.parquet'")
    mapping = {
        "event_time": "at_",
        "event_type": "'purchase'",
        "user_id": "who",
        "price": "paid",
        "currency": "'EUR'",
    }
    own = {"event_mapping": "mine", "event_mappings": {"mine": mapping}}
    found = inspect(tmp_path / "x.parquet", own)
    told = one_line(found.output)
    assert found.succeeded, found.output
    assert "Read with the mapping mine" in told
    assert "revenue 2.50 EUR" in told
    assert "negative_price 1" in told
    own["event_mappings"]["mine"]["user_id"] = "whom"  # type: ignore[index]
    found = inspect(tmp_path / "x.parquet", own)
    assert not found.succeeded
    assert "has no column 'whom'" in one_line(found.output)
    assert "Traceback" not in found.output


def test_another_encoding_is_told(inspect: Inspector, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_bytes(
        "date;customer;city\n2026-02-13;Zoë;Köln\n2026-02-14;Zoë;Århus\n2026-02-14;Bo;Orléans\n".encode(
            "cp1252"
        )
    )
    found = inspect(tmp_path / "orders.csv")
    assert found.succeeded, found.output
    assert "no UTF-8: it may be cp1252" in one_line(found.output)
    assert drafted(found.output)["my_shop"]["encoding"] == "cp1252"
    assert "Köln" in found.output
    mapping = {"event_time": "date", "event_type": "'purchase'", "user_id": "customer"}
    found = inspect(
        tmp_path / "orders.csv", {"event_mapping": "mine", "event_mappings": {"mine": mapping}}
    )
    assert not found.succeeded
    assert f"the file '{tmp_path}/orders.csv' is not UTF-8" in one_line(found.output)
    assert "Traceback" not in found.output


def test_a_report_without_users(inspect: Inspector, tmp_path: Path) -> None:
    (tmp_path / "orders.txt").write_text(
        "amazon-order-id\tpurchase-date\titem-status\tsku\tquantity\titem-price\n"
        "11-1\t2026-01-01T10:00:00+00:00\tShipped\tS1\t1\t10.00\n"
        "11-2\t2026-01-02T10:00:00+00:00\tShipped\tS2\t1\t12.00\n"
    )
    found = inspect(tmp_path / "orders.txt")
    assert not found.succeeded
    assert "No column tells who bought, so nobody can be ranked." in one_line(found.output)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("cut.json", '[{"a": 1},', "is no whole JSON"),
        ("empty.csv", "", "every file is empty"),
        (
            "values.csv",
            "1,2,pv,1511544070\n1,3,pv,1511544071\n",
            "looks like values rather than names",
        ),
        ("words.docx", "x", "matches no event file"),
    ],
)
def test_what_cannot_be_read_is_told(
    inspect: Inspector, tmp_path: Path, name: str, content: str, expected: str
) -> None:
    (tmp_path / name).write_text(content)
    found = inspect(tmp_path / name)
    assert not found.succeeded
    assert expected in one_line(found.output)
    assert "Traceback" not in found.output
