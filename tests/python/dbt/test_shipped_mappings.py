"""The shipped mappings of other systems' exports, on small files that have the traps of the real ones."""

from pathlib import Path

import pytest

from support.exports import (
    EXPORTS,
    SHOPIFY_ORDERS,
    Event,
    charge,
    shopify_order,
    woo_item,
    write_csv,
)
from support.installation import Installation


def events_of(installation: Installation) -> list[Event]:
    return installation.query(
        "select user_id, event_time::varchar, event_type, product_id, price::double, quantity::double, currency"
        " from silver.events order by all"
    )  # type: ignore[return-value]


def left_out_of(installation: Installation) -> dict[str, int]:
    """Rows that are no events on purpose, by the name that the mapping gives."""
    return dict(
        installation.query(
            "select left_out_as, count(*) from silver.left_out_lines where left_out_as is not null group by 1"
        )
    )  # type: ignore[arg-type]


def built(folder: Path, mapping: str, state: Path) -> Installation:
    variables = {"event_mapping": mapping, "events_path": str(folder)}
    finished = Installation(state).build_models("--select", "+user_days", variables=variables)
    assert finished.succeeded, finished.output
    return Installation(state)


@pytest.mark.parametrize("export", EXPORTS)
def test_every_event_of_an_export_comes_out(tmp_path: Path, export: str) -> None:
    expected = EXPORTS[export]
    expected.write(tmp_path / "export")
    warehouse = built(tmp_path / "export", export.split("-", maxsplit=1)[0], tmp_path / "state")
    assert events_of(warehouse) == expected.events
    assert left_out_of(warehouse) == expected.left_out
    reasons = warehouse.query("select reasons from silver.quarantined_events order by 1")
    assert [reason for (reason,) in reasons] == expected.quarantined


def test_an_order_that_was_cancelled_since_is_taken_back(tmp_path: Path) -> None:
    """Orders exported again a day later stand in for what was known of them before."""
    orders = [row for row in SHOPIFY_ORDERS if row["Name"] == "#1"]
    write_csv(tmp_path / "export" / "orders_export_monday.csv", orders)
    warehouse = built(tmp_path / "export", "shopify", tmp_path / "state")
    assert len(events_of(warehouse)) == 3
    cancelled = [row | ({"Cancelled at": "2026-07-02 09:00:00 -0700"} if number == 0 else {})
                 for number, row in enumerate(orders)]  # fmt: skip
    write_csv(tmp_path / "export" / "orders_export_tuesday.csv", cancelled)
    built(tmp_path / "export", "shopify", tmp_path / "state")
    assert events_of(warehouse) == []


def test_a_charge_refunded_since_gets_its_refund_and_stays_one_purchase(tmp_path: Path) -> None:
    write_csv(tmp_path / "export" / "february.csv", [charge("ch_a", "Paid", "30.00")])
    built(tmp_path / "export", "stripe", tmp_path / "state")
    refunded = charge("ch_a", "Refunded", "30.00", Converted_Amount_Refunded="30.00")
    refunded["Refunded date (UTC)"] = "2026-03-02 10:00:00"
    write_csv(tmp_path / "export" / "march.csv", [refunded])
    warehouse = built(tmp_path / "export", "stripe", tmp_path / "state")
    assert events_of(warehouse) == [
        ("pay@example.org", "2026-02-01 23:59:59", "purchase", None, 30, 1, "GBP"),
        ("pay@example.org", "2026-03-02 10:00:00", "refund", None, 30, 1, "GBP"),
    ]


def test_a_refund_is_taken_back_with_its_order(tmp_path: Path) -> None:
    def exported(**order: str) -> list[dict[str, str]]:
        ordered = {"created": "2026-06-30 23:45:00 +0000", "email": "bo@example.com"} | order
        return [
            row
            for name in ("#1", "#2")
            for row in shopify_order(
                name, items=[("Bowl", "18.00", "1"), ("Spoon", "6.50", "2")], **ordered
            )
        ]

    export = tmp_path / "export"
    refunded = exported(Refunded_Amount="10.00")
    write_csv(export / "orders_export_monday.csv", refunded)
    warehouse = built(export, "shopify", tmp_path / "state")
    assert [event[2] for event in events_of(warehouse)] == ["purchase"] * 4 + ["refund"] * 2
    cancelled = exported(Refunded_Amount="49.00", Cancelled_at="2026-07-02 09:00:00 +0000")
    write_csv(export / "orders_export_tuesday.csv", cancelled[:2] + exported()[2:])
    built(export, "shopify", tmp_path / "state")
    bowl, spoon = ("Bowl", 18, 1, "CAD"), ("Spoon", 6.5, 2, "CAD")
    bought = ("bo@example.com", "2026-06-30 23:45:00", "purchase")
    assert events_of(warehouse) == [(*bought, *bowl), (*bought, *spoon)]
    assert left_out_of(warehouse) == {"cancelled": 3, "not_refunded": 1}


def test_what_the_last_version_of_an_order_has_no_more_is_taken_back(tmp_path: Path) -> None:
    export = tmp_path / "export"
    # an order that went back by and by, one that lost an item and its refund, and one that is told by two files
    first = [
        woo_item("71", "Processing", 5, "KET", 1, 1, "20", "20"),
        woo_item("72", "Processing", 6, "KET", 1, 1, "20", "5"),
        woo_item("72", "Processing", 6, "CUP", 2, 3, "5", "5"),
        woo_item("73", "Completed", 7, "KET", 1, 1, "20", "5"),
    ]
    write_csv(export / "1.csv", first)
    write_csv(export / "2.csv", [woo_item("73", "Completed", 7, "CUP", 2, 1, "5", "5")])
    warehouse = built(export, "woocommerce", tmp_path / "state")
    assert len(events_of(warehouse)) == 8
    write_csv(
        export / "3.csv",
        [
            woo_item("71", "Processing", 5, "KET", 1, 0, "20", "40"),
            woo_item("72", "Processing", 6, "KET", 1, 1, "20"),
        ],
    )
    for state in ("state", "at_once"):
        warehouse = built(export, "woocommerce", tmp_path / state)
        assert [(event[1][8:10], event[2], event[3]) for event in events_of(warehouse)] == [
            ("06", "purchase", "KET"),
            ("07", "purchase", "CUP"),
            ("07", "purchase", "KET"),
            ("07", "refund", None),
        ]
        assert left_out_of(warehouse) == {"all_returned": 1, "other_version": 3}
