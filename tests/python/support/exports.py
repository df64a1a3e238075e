"""Small exports of other systems, which have the traps of the real ones, and the events that must come of them."""

import csv
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import yaml

from support.command_server import PROJECT

# user, UTC time, type, product, price of a piece, quantity, currency
Event = tuple[str, str, str, str | None, float | None, float, str | None]


@dataclass
class Export:
    """What a system writes, and what must come of it."""

    write: Callable[[Path], None]
    events: list[Event]
    left_out: dict[str, int] = field(default_factory=dict)
    quarantined: list[str] = field(default_factory=list)


def write_csv(
    path: Path, rows: list[dict[str, Any]], *, line_end: str = "\n", mark: str = ""
) -> None:
    """Rows under the union of their columns; what a row lacks is empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(mark)
        writer = csv.DictWriter(file, columns, restval="", lineterminator=line_end)
        writer.writeheader()
        writer.writerows(rows)


def write_json_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


# --- Google Analytics 4 -------------------------------------------------------


def ga4_event(
    name: str, microseconds: int, device: str | None, session: int, **more: Any
) -> dict[str, Any]:
    """An event as BigQuery writes it to JSON: 64-bit integers are text, what is null is not there."""
    parameters = [
        {"key": "ga_session_id", "value": {"int_value": str(session)}},
        *more.pop("parameters", []),
    ]
    event = {
        "event_date": "20260501",
        "event_timestamp": str(microseconds),
        "event_name": name,
        "event_params": parameters,
        "user_pseudo_id": device,
        "items": more.pop("items", []),
        **more,
    }
    return {key: value for key, value in event.items() if value is not None}


GA4_MAY = 1_777_593_600_000_000  # 2026-05-01 00:00 UTC
EURO = {"key": "currency", "value": {"string_value": "EUR"}}
GA4_DAY = [
    ga4_event("session_start", GA4_MAY, "10.1", 5),
    ga4_event("page_view", GA4_MAY, "10.1", 5),
    ga4_event(
        "view_item_list", GA4_MAY + 1, "10.1", 5, items=[{"item_id": f"L{n}"} for n in range(3)]
    ),
    ga4_event(
        "view_item", GA4_MAY + 2, "10.1", 5, parameters=[EURO],
        items=[{"item_id": "(not set)", "item_name": "Lámpara", "price": 30.5}],
    ),
    ga4_event(
        "add_to_cart", GA4_MAY + 3_000_000, "10.1", 5, parameters=[EURO],
        items=[{"item_id": "LAMP", "item_brand": "Luz", "price": 30.5, "quantity": "2"}],
    ),
    ga4_event("begin_checkout", GA4_MAY + 4_000_000, "10.1", 5, items=[{"item_id": "LAMP"}, {"item_id": "BULB"}]),
    ga4_event(
        "purchase", GA4_MAY + 5_000_000, "10.1", 5, user_id="k-3", parameters=[EURO],
        ecommerce={"transaction_id": "A-1"},
        items=[{"item_id": "LAMP", "price": 30.5, "quantity": "2"}, {"item_id": "BULB", "price": 4}],
    ),
    # the page of thanks, loaded again an hour later
    ga4_event(
        "purchase", GA4_MAY + 3_605_000_000, "10.1", 6, user_id="k-3", parameters=[EURO],
        ecommerce={"transaction_id": "A-1"},
        items=[{"item_id": "LAMP", "price": 30.5, "quantity": "2"}, {"item_id": "BULB", "price": 4}],
    ),
    ga4_event(
        "purchase", GA4_MAY + 6_000_000, "10.2", 7,
        parameters=[EURO, {"key": "value", "value": {"double_value": 12.25}},
                    {"key": "transaction_id", "value": {"string_value": "A-2"}}],
    ),
    ga4_event("newsletter", GA4_MAY + 7_000_000, "10.2", 7),
    # without consent there is nobody
    ga4_event("view_item", GA4_MAY + 8_000_000, None, 8, items=[{"item_id": "BULB"}]),
]  # fmt: skip
GA4_EVENTS: list[Event] = [
    ("10.1", "2026-05-01 00:00:00.000002", "view", "Lámpara", 30.5, 1, "EUR"),
    ("10.1", "2026-05-01 00:00:03", "cart", "LAMP", 30.5, 2, "EUR"),
    ("10.2", "2026-05-01 00:00:06", "purchase", None, 12.25, 1, "EUR"),
    ("k-3", "2026-05-01 00:00:05", "purchase", "BULB", 4, 1, "EUR"),
    ("k-3", "2026-05-01 00:00:05", "purchase", "LAMP", 30.5, 2, "EUR"),
]

GA4_LEFT_OUT = {"checkout": 1, "list_view": 1, "other_event": 1, "page_view": 1, "session": 1}


def ga4(folder: Path) -> None:
    """A day's table beside what its intraday table held by noon."""
    write_json_lines(folder / "events_20260501" / "000000000000.json.gz", GA4_DAY)
    half = [event | {"traffic_source": {"medium": "organic"}} for event in GA4_DAY[3:7]]
    write_json_lines(folder / "events_intraday_20260501.jsonl", half)


def ga4_parquet(folder: Path) -> None:
    """The same day with lists and structs."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder.parent / "day.jsonl"
    write_json_lines(source, GA4_DAY)
    duckdb.sql(
        f"""
        copy (
            select * from read_json('{source}', format = 'newline_delimited', columns = {{
                event_date: 'varchar', event_timestamp: 'bigint', event_name: 'varchar', user_id: 'varchar',
                user_pseudo_id: 'varchar', ecommerce: 'struct(transaction_id varchar, purchase_revenue double)',
                event_params: 'struct("key" varchar, "value" struct(string_value varchar, int_value bigint,
                    float_value double, double_value double))[]',
                items: 'struct(item_id varchar, item_name varchar, item_brand varchar, price double,
                    quantity bigint)[]'
            }})
        ) to '{folder}/events_20260501.parquet'
        """
    )


# --- order exports ------------------------------------------------------------


def shopify_order(
    name: str, created: str, items: list[tuple[str, str, str]], **order: str
) -> list[dict[str, str]]:
    """An order's lines: its own columns on the first one only, except Email, Created at, Vendor and Phone."""
    everywhere = {
        "Name": name,
        "Email": order.pop("email", ""),
        "Created at": created,
        "Vendor": "Koa",
    }
    first = {"Financial Status": "paid", "Fulfillment Status": "fulfilled", "Currency": "CAD"}
    first |= {
        "Subtotal": "1.00",
        "Refunded Amount": "0.00",
        "Source": "web",
        "Payment Method": "Visa",
    }
    first |= {key.replace("_", " "): value for key, value in order.items()}
    return [
        everywhere
        | {
            "Lineitem quantity": pieces,
            "Lineitem name": item,
            "Lineitem price": price,
            "Lineitem sku": "",
        }
        | (first if number == 0 else {})
        | ({"Phone": order["Phone"]} if "Phone" in order else {})
        for number, (item, price, pieces) in enumerate(items)
    ]


SHOPIFY_ORDERS = [
    *shopify_order(
        "#1", "2026-06-30 23:45:00 -0700", [("Bowl", "18.00", "1"), ("Spoon", "6.50", "4"), ("Bowl", "18.00", "1")],
        email="Ana@Example.com", Notes="Leave it\nby the door, \"please\"",
    ),
    *shopify_order("#2", "2026-07-01 08:00:00 -0700", [("Bowl", "18.00", "2")], email="ana@example.com",
                   Financial_Status="refunded", Refunded_Amount="36.00"),
    *shopify_order("#3", "2026-07-02 08:00:00 -0700", [("Bowl", "18.00", "1"), ("Spoon", "6.50", "1")],
                   email="bo@example.com", Cancelled_at="2026-07-02 09:00:00 -0700"),
    *shopify_order("#4", "2026-07-03 08:00:00 -0700", [("Spoon", "6.50", "1")], Phone="'+1 604 555 0100",
                   Financial_Status="pending", Fulfillment_Status="", Payment_Method="Cash on Delivery (COD)"),
    *shopify_order("#5", "2026-07-04 08:00:00 -0700", [("Spoon", "6.50", "1")], email="bo@example.com",
                   Financial_Status="pending", Fulfillment_Status="", Payment_Method="Bank Deposit"),
    *shopify_order("#6", "2026-07-05 08:00:00 -0700", [("Bowl", "18.00", "1")], email="bo@example.com",
                   Financial_Status="voided"),
    *shopify_order("#7", "2026-07-06 08:00:00 -0700", [("Bowl", "18.00", "1")], email="bo@example.com",
                   Source="shopify_draft_order", Subtotal="0.00"),
    *shopify_order("#8", "2026-07-07 08:00:00 -0700", [("Bowl", "18.00", "1")], email="bo@example.com",
                   Tags="wholesale, Test"),
    *shopify_order("#9", "2026-07-08 08:00:00 -0700", [("Bowl", "18.00", "0")], email="bo@example.com"),
    *shopify_order("#10", "2026-01-08 08:00:00 -0800", [("Bowl", "18.00", "1")]),
    *shopify_order("#11", "2026-07-09 08:00:00 -0700", [("Bowl", "18.00", "1"), ("Spoon", "6.50", "1")],
                   email="bo@example.com", Refunded_Amount="6,50"),
]  # fmt: skip


def shopify(folder: Path) -> None:
    write_csv(folder / "orders_export_1.csv", SHOPIFY_ORDERS, line_end="\r\n")


def woo_item(
    order: str,
    status: str,
    day: int,
    sku: str,
    number: int,
    pieces: int,
    price: str,
    refunded: str = "0",
    email: str = "eva@example.net",
) -> dict[str, str]:
    return {
        "Order Number": order, "Order Status": status, "Order Date": f"2026-03-{day:02} 09:15",
        "Customer Note": "Ring\r\ntwice, please", "Email (Billing)": email, "Order Refund Amount": refunded,
        "Currency": "GBP", "SKU": sku, "Item #": str(number), "Item Name": 'Kettle, "red"',
        "Quantity (- Refund)": str(pieces), "Item Cost": price,
    }  # fmt: skip


def woocommerce(folder: Path) -> None:
    rows = [
        woo_item(
            "70",
            "Completed",
            4,
            "KET",
            1,
            1,
            "1,050.00",
            "\u00a0nan",
            email="EVA@example.net\u00a0",
        ),
        woo_item("70", "Completed", 4, "", 2, 2, "3", email="EVA@example.net\u00a0"),
        woo_item("71", "Processing", 5, "KET", 1, 0, "40", "40"),
        woo_item("71", "Processing", 5, "CUP", 2, 1, "5", "40"),
        woo_item("72", "Refunded", 6, "CUP", 1, 0, "5", "5"),
        woo_item("73", "On hold", 6, "CUP", 1, 1, "5"),
        woo_item("74", "Pending payment", 6, "CUP", 1, 1, "5"),
        woo_item("75", "Cancelled", 6, "CUP", 1, 1, "5"),
        woo_item("76", "Failed", 6, "CUP", 1, 1, "5"),
        woo_item("77", "Draft", 6, "CUP", 1, 1, "5"),
        woo_item("78", "Beamed up", 6, "CUP", 1, 1, "5"),
        woo_item("79", "Completed", 6, "CUP", 1, 1, "12,50"),
        woo_item("80", "Completed", 7, "KET", 1, 1, "40", "4.0.0"),
        woo_item("80", "Completed", 7, "CUP", 2, 1, "5", "4.0.0"),
    ]
    write_csv(folder / "orders-2026-03-09.csv", rows, line_end="\r\n", mark="\ufeff")


def charge(id: str, status: str, paid: str, **more: str) -> dict[str, str]:
    return {
        "id": id,
        "Created date (UTC)": "2026-02-01 23:59:59",
        "Amount": paid,
        "Amount Refunded": "0.00",
        "Currency": "gbp",
        "Captured": "true",
        "Converted Amount": paid,
        "Converted Amount Refunded": "0.00",
        "Converted Currency": "gbp",
        "Refunded date (UTC)": "",
        "Status": status,
        "Customer ID": "",
        "Customer Email": "Pay@Example.org ",
        "Mode": "Live",
    } | {name.replace("_", " "): value for name, value in more.items()}


def stripe(folder: Path) -> None:
    rows = [
        charge("ch_a", "Paid", "2,400.50", Customer_ID="cus_1"),
        charge("ch_b", "Paid", "9,000", Currency="jpy", Converted_Amount="48.10"),
        charge("ch_c", "Partial Refund", "60.00", Customer_ID="cus_1", Amount_Refunded="15.00",
               Converted_Amount_Refunded="15.00") | {"Refunded date (UTC)": "2026-02-03 10:00:00"},
        charge("ch_d", "Failed", "60.00", Captured="false"),
        charge("ch_e", "Paid", "60.00", Captured="false"),
        charge("ch_f", "Refunded", "60.00", Mode="Test", Converted_Amount_Refunded="60.00"),
        charge("ch_g", "Beamed up", "60.00"),
        charge("ch_h", "Refunded", "7.50", Converted_Amount_Refunded="7,50"),
    ]  # fmt: skip
    write_csv(folder / "unified_payments.csv", rows)


def stripe_of_old(folder: Path) -> None:
    """The older header, without converted amounts."""
    rows = [
        without(charge("ch_a", "Paid", "10.00"), "Created date (UTC)", "Converted Amount",
                "Converted Amount Refunded", "Converted Currency")
        | {"Created (UTC)": "2019-02-01 10:00"},
    ]  # fmt: skip
    write_csv(folder / "payments.csv", rows)


def etsy(folder: Path) -> None:
    def sold(
        transaction: str, on: str, buyer: str, price: str, currency: str, **more: str
    ) -> dict[str, str]:
        return {
            "Sale Date": on, "Item Name": "Ring, \"oak\"", "Buyer": buyer, "Quantity": more.get("pieces", "1"),
            "Price": price, "Currency": currency, "Transaction ID": transaction, "Listing ID": "55",
            "Date Paid": "01/02/2026", "Order ID": "900", "Variations": more.get("variations", ""),
            "SKU": more.get("sku", ""),
        }  # fmt: skip

    rows = [
        sold("1", "01/02/26", "Jo (at home) Lund (jolund)", "12.00", "EUR", sku="RING"),
        sold(
            "2",
            "01/02/26",
            "Jo (at home) Lund (jolund)",
            "$1,250.00",
            "USD",
            variations="Size:7",
            pieces="2",
        ),
        sold(
            "2",
            "01/02/26",
            "Jo (at home) Lund (jolund)",
            "$1,250.00",
            "USD",
            variations="Size:7",
            pieces="2",
        ),
        sold("3", "12/31/25", "", "12.00", "EUR"),
    ]
    write_csv(folder / "EtsySoldOrderItems2026.csv", rows)


def olist(folder: Path) -> None:
    bought = {"order_purchase_timestamp": "2018-05-01 10:56:33"}
    orders = [
        {"order_id": "a1", "customer_id": "x1", "order_status": "delivered"} | bought,
        {"order_id": "a2", "customer_id": "x2", "order_status": "shipped"} | bought,
        {"order_id": "a3", "customer_id": "x3", "order_status": "canceled"} | bought,
        {"order_id": "a4", "customer_id": "x3", "order_status": "unavailable"} | bought,
        {"order_id": "a5", "customer_id": "x3", "order_status": "created"} | bought,
    ]
    items = [
        ("a1", 1, "vase", "9.90"),
        ("a1", 2, "vase", "9.90"),
        ("a2", 1, "rug", "120.00"),
        ("a3", 1, "rug", "9"),
    ]
    write_csv(folder / "olist_orders_dataset.csv", orders)
    write_csv(folder / "olist_order_items_dataset.csv", [
        {"order_id": order, "order_item_id": str(number), "product_id": product, "price": price, "freight_value": "3.1"}
        for order, number, product, price in items
    ])  # fmt: skip
    write_csv(folder / "olist_customers_dataset.csv", [
        {"customer_id": customer, "customer_unique_id": person, "customer_zip_code_prefix": "01310"}
        for customer, person in [("x1", "eu"), ("x2", "eu"), ("x3", "tu")]
    ])  # fmt: skip
    write_csv(
        folder / "olist_order_payments_dataset.csv", [{"order_id": "a1", "payment_value": "22.9"}]
    )


# --- calls, hits and visits ---------------------------------------------------


def call(
    id: str, at: str, event: str | None, properties: dict[str, Any] | None, **more: Any
) -> dict[str, Any]:
    return {
        "messageId": id, "type": "track", "timestamp": f"2026-04-10T{at}Z", "originalTimestamp": "2031-01-01T00:00:00Z",
        "anonymousId": "anon", "userId": None, "context": {"ip": "192.0.2.7"},
        **({"event": event} if event else {}), **({"properties": properties} if properties else {}), **more,
    }  # fmt: skip


CALLS = [
    call("c1", "09:00:00.250", "Product Viewed", {"product_id": "p-1", "price": 7, "currency": "eur"}),
    call("c2", "09:01:00", "product_added", {"sku": "s-1", "price": "7.00", "quantity": "3"}),
    call("c3", "09:02:00", "PRODUCT REMOVED", {"product_id": "p-1", "price": 7}),
    call("c4", "09:03:00", "Order Completed", {
        "order_id": "42", "currency": "EUR", "total": 30, "products": [
            {"product_id": "p-1", "price": 7, "quantity": 2},
            {"product_id": "p-2", "price": "1,100.00"}]}, userId="u1"),
    call("c5", "09:04:00", "Order Completed", {"order_id": "43", "revenue": "19.90", "currency": "SEK"}, userId="u1"),
    call("c6", "09:05:00", "Order Refunded", {"order_id": "43", "total": 19.9, "currency": "SEK"}, userId="u1"),
    call("c7", "09:06:00", "Product List Viewed", {"products": [{"product_id": "p-1"}, {"product_id": "p-2"}]}),
    call("c8", "09:07:00", "Order Cancelled", {"order_id": "44", "products": [{"product_id": "p-1"}]}),
    call("c9", "09:08:00", "Signed Up", {"plan": "free"}),
    call("c10", "09:09:00", None, None, type="identify", userId="u1"),
    call("c11", "09:10:00", None, {"url": "https://shop.example/ñ"}, type="page"),
]  # fmt: skip
# the browser tells order 42, the server tells it again under an id of its own
SERVER_CALL = CALLS[3] | {
    "messageId": "srv-1",
    "timestamp": "2026-04-10T09:03:02Z",
    "anonymousId": None,
}
CALL_EVENTS: list[Event] = [
    ("anon", "2026-04-10 09:00:00.25", "view", "p-1", 7, 1, "EUR"),
    ("anon", "2026-04-10 09:01:00", "cart", "s-1", 7, 3, None),
    ("anon", "2026-04-10 09:02:00", "remove_from_cart", "p-1", 7, 1, None),
    ("u1", "2026-04-10 09:03:00", "purchase", "p-1", 7, 2, "EUR"),
    ("u1", "2026-04-10 09:03:00", "purchase", "p-2", 1100, 1, "EUR"),
    ("u1", "2026-04-10 09:04:00", "purchase", None, 19.9, 1, "SEK"),
    ("u1", "2026-04-10 09:05:00", "refund", None, 19.9, 1, "SEK"),
]
CALLS_LEFT_OUT = {"identify": 1, "list_view": 1, "order_cancelled": 1, "other_event": 1, "page": 1}


def segment(folder: Path) -> None:
    """Message c2 comes again two days later."""
    write_json_lines(folder / "segment-logs" / "s1" / "1775779200000" / "1.gz", CALLS)
    write_json_lines(
        folder / "segment-logs" / "s1" / "1775952000000" / "2.gz", [CALLS[1], SERVER_CALL]
    )


def rudderstack(folder: Path) -> None:
    write_json_lines(
        folder / "rudder-logs" / "s1" / "04-10-2026" / "1775779200.s1.json.gz", [*CALLS, CALLS[1]]
    )


def shipped_mapping(name: str) -> dict[str, Any]:
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())
    mapping: dict[str, Any] = project["vars"]["event_mappings"][name]
    return mapping


VENDOR = "iglu:com.snowplowanalytics.snowplow"


def snowplow_event(
    id: str, at: str, action: str | None, products: list[dict[str, Any]], **fields: Any
) -> str:
    """A line of 131 fields; its JSON has raw quotes, and a backslash that escapes nothing but JSON's own quotes."""
    entities = [
        {"schema": f"{VENDOR}.ecommerce/product/jsonschema/1-0-0", "data": product}
        for product in products
    ]
    for kind in ("transaction", "refund"):
        if data := fields.pop(f"{kind}_entity", None):
            entities.append({"schema": f"{VENDOR}.ecommerce/{kind}/jsonschema/1-0-0", "data": data})
    entities.append({"schema": f"{VENDOR}/web_page/jsonschema/1-0-0", "data": {"id": 'a "page"'}})
    told = {
        "event_id": id,
        "event": "unstruct",
        "collector_tstamp": f"2026-01-20 {at}",
        "derived_tstamp": f"2026-01-20 {at}",
        "dvce_created_tstamp": "2031-01-01 00:00:00.000",
        "domain_sessionid": "visit-1",
        "domain_userid": "dev-1",
        "contexts": json.dumps({"schema": f"{VENDOR}/contexts/jsonschema/1-0-0", "data": entities}),
    }
    if action:
        told["unstruct_event"] = json.dumps({
            "schema": f"{VENDOR}/unstruct_event/jsonschema/1-0-0",
            "data": {
                "schema": f"{VENDOR}.ecommerce/snowplow_ecommerce_action/jsonschema/1-0-2", "data": {"type": action}
            },
        })  # fmt: skip
    told |= {name: str(value) for name, value in fields.items()}
    return "\t".join(told.get(name, "") for name in shipped_mapping("snowplow")["columns"]) + "\n"


def snowplow(folder: Path) -> None:
    hat = {
        "id": "HAT",
        "name": 'The "hat"\tblack',
        "price": 20.25,
        "currency": "NOK",
        "quantity": 2,
    }
    tie = {"id": "TIE", "category": "ties", "price": 8, "currency": "NOK", "quantity": None}
    order = {"transaction_id": "T9", "revenue": 50, "currency": "NOK"}
    lines = [
        snowplow_event("v1", "10:00:00.500", "product_view", [hat]),
        snowplow_event("v2", "10:00:30.000", "list_view", [hat, tie]),
        snowplow_event("v3", "10:01:00.000", "add_to_cart", [hat]),
        snowplow_event("v4", "10:01:10.000", "remove_from_cart", [hat | {"quantity": 1}]),
        snowplow_event("v5", "10:02:00.000", "transaction", [hat, tie], transaction_entity=order, user_id="nils"),
        snowplow_event("v5", "10:02:00.000", "transaction", [hat, tie], transaction_entity=order, user_id="nils"),
        snowplow_event("v6", "10:02:01.000", "transaction", [hat, tie], transaction_entity=order, user_id="nils"),
        snowplow_event("v7", "10:03:00.000", "refund", [], user_id="nils",
                       refund_entity={"transaction_id": "T9", "refund_amount": 8, "currency": "NOK"}),
        snowplow_event("v8", "10:04:00.000", "checkout_step", []),
        snowplow_event("v9", "10:05:00.000", None, [], event="page_view"),
        snowplow_event("v10", "10:05:10.000", None, [], event="page_ping"),
        snowplow_event("v11", "10:05:20.000", None, [], event="struct", se_category="menu"),
        snowplow_event("v12", "10:06:00.000", None, [], event="transaction", tr_orderid="O1", tr_total="9.0"),
        snowplow_event("v13", "10:06:00.000", None, [], event="transaction_item", ti_orderid="O1", ti_sku="PIN",
                       ti_price="4.5", ti_quantity="2", ti_currency="SEK"),
    ]  # fmt: skip
    path = folder / "run=2026-01-20-11-00-00" / "part-00000.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))


def adobe(folder: Path) -> None:
    """A hit's values hold a tab, a line end, a backslash and a quote; the header lies in lookup/, a manifest beside."""
    columns = [
        "hitid_high", "hitid_low", "date_time", "hit_time_gmt", "post_visid_high", "post_visid_low", "visit_num",
        "post_pagename", "post_event_list", "post_product_list", "duplicate_purchase", "exclude_hit", "hit_source",
        "customer_perspective", "currency",
    ]  # fmt: skip

    def hit(id: str, seconds: int, events: str, products: str, page: str = "p", **more: str) -> str:
        told = {
            "hitid_high": "9007199254740993", "hitid_low": id, "date_time": "2026-03-01 00:00:00",
            "hit_time_gmt": str(1_772_366_400 + seconds), "post_visid_high": "18446744073709551615",
            "post_visid_low": "7", "visit_num": "1", "post_pagename": page, "post_event_list": events,
            "post_product_list": products, "duplicate_purchase": "0", "exclude_hit": "0", "hit_source": "1",
            "customer_perspective": "0", "currency": "EUR",
        } | more  # fmt: skip
        return "\t".join(told[name] for name in columns) + "\n"

    hits = [
        hit("1", 0, "2,201=5.00", "Shoes;BOOT^;40;;", "a\\\tb\\\nc\\\\"),
        hit("2", 60, "2,12", "Shoes;BOOT^;40;3;10.00"),
        hit("3", 120, "13", ";BOOT^;40;1;"),
        hit(
            "4",
            180,
            "1,200",
            ";BOOT^;40;3;10.00;event5=2|event6=1;eVar1=a^,b,Care;WAX;;4.40",
            '"quoted',
        ),
        hit(
            "4",
            180,
            "1,200",
            ";BOOT^;40;3;10.00;event5=2|event6=1;eVar1=a^,b,Care;WAX;;4.40",
            '"quoted',
        ),
        hit("5", 240, "1", ";WAX;1;4.40,;BOOT;1;1.00", duplicate_purchase="1"),
        hit("6", 250, "1", ";WAX;1;4.40", exclude_hit="1"),
        hit("7", 260, "1", ";WAX;1;4.40", customer_perspective="1"),
        hit("8", 270, "1", ";WAX;-1;-4.40", hit_source="7"),
        hit("9", 280, "", ""),
    ]
    (folder / "lookup").mkdir(parents=True)
    (folder / "lookup" / "column_headers.tsv").write_text("\t".join(columns) + "\n")
    (folder / "lookup" / "event.tsv").write_text("1\tPurchase\n2\tProduct View\n")
    (folder / "myshop_2026-03-01.txt").write_text("Datafeed-Manifest-Version: 1.0\n")
    (folder / "01-myshop_2026-03-01.tsv.gz").write_bytes(gzip.compress("".join(hits).encode()))


def matomo(folder: Path) -> None:
    seconds = 1_780_272_000  # 2026-06-01 00:00 UTC
    mug = {
        "itemSKU": "MUG",
        "itemName": "Taza",
        "itemCategory": "Cocina",
        "price": "6.50",
        "quantity": "2",
    }
    order = {"type": "ecommerceOrder", "orderId": "88", "revenue": "13", "timestamp": seconds + 60}
    visit: dict[str, Any] = {
        "idSite": "1", "idVisit": "5", "visitorId": "f00d", "userId": "", "siteCurrency": "EUR",
        "serverTimestamp": seconds + 60,
        "actionDetails": [
            {"type": "action", "timestamp": seconds, "productViewSku": "MUG", "productViewName": False,
             "productViewPrice": 6.5, "productViewCategories": ["Cocina", "Tazas"]},
            {"type": "action", "timestamp": seconds + 5, "url": "https://shop.example/\n"},
            {"type": "search", "timestamp": seconds + 6, "siteSearchKeyword": "té"},
            {"type": "ecommerceAbandonedCart", "revenue": 6.5, "timestamp": seconds + 30,
             "itemDetails": [mug | {"price": 6.5, "quantity": 1}]},
            order | {"itemDetails": [mug, {"itemSKU": "TEA", "price": 3, "quantity": 1}]},
            {"type": "goal", "goalName": "order", "revenue": 9, "timestamp": seconds + 61},
            {"type": "outlink", "timestamp": seconds + 62},
        ],
    }  # fmt: skip
    silent = visit | {"idVisit": "6", "visitorId": "beef", "actionDetails": []}
    known = visit | {
        "idVisit": "7", "userId": "007", "actionDetails": [order | {"orderId": "89", "timestamp": seconds + 90}]
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "monday.json").write_text(
        json.dumps([visit | {"actionDetails": visit["actionDetails"][:1]}])
    )
    (folder / "tuesday.json").write_text(
        json.dumps([visit, silent, known], indent=1, ensure_ascii=False)
    )


EXPORTS = {
    # the checkout is in both tables
    "ga4": Export(ga4, GA4_EVENTS, GA4_LEFT_OUT | {"checkout": 2}, ["missing_user_id"]),
    "ga4-parquet": Export(ga4_parquet, GA4_EVENTS, GA4_LEFT_OUT, ["missing_user_id"]),
    "shopify": Export(
        shopify,
        [
            ("+16045550100", "2026-07-03 15:00:00", "purchase", "Spoon", 6.5, 1, "CAD"),
            ("ana@example.com", "2026-07-01 06:45:00", "purchase", "Bowl", 18, 1, "CAD"),
            ("ana@example.com", "2026-07-01 06:45:00", "purchase", "Bowl", 18, 1, "CAD"),
            ("ana@example.com", "2026-07-01 06:45:00", "purchase", "Spoon", 6.5, 4, "CAD"),
            ("ana@example.com", "2026-07-01 15:00:00", "purchase", "Bowl", 18, 2, "CAD"),
            ("ana@example.com", "2026-07-01 15:00:00", "refund", None, 36, 1, "CAD"),
            ("bo@example.com", "2026-07-09 15:00:00", "purchase", "Bowl", 18, 1, "CAD"),
            ("bo@example.com", "2026-07-09 15:00:00", "purchase", "Spoon", 6.5, 1, "CAD"),
        ],
        {"cancelled": 2, "draft": 1, "removed_item": 1, "test_order": 1, "unpaid": 1, "voided": 1},
        ["invalid_price", "missing_user_id"],
    ),
    "woocommerce": Export(
        woocommerce,
        [
            ("eva@example.net", "2026-03-04 09:15:00", "purchase", "KET", 1050, 1, "GBP"),
            ("eva@example.net", "2026-03-04 09:15:00", "purchase", "Kettle, \"red\"", 3, 2, "GBP"),
            ("eva@example.net", "2026-03-05 09:15:00", "purchase", "CUP", 5, 1, "GBP"),
            ("eva@example.net", "2026-03-05 09:15:00", "refund", None, 40, 1, "GBP"),
            ("eva@example.net", "2026-03-07 09:15:00", "purchase", "CUP", 5, 1, "GBP"),
            ("eva@example.net", "2026-03-07 09:15:00", "purchase", "KET", 40, 1, "GBP"),
        ],
        {"all_returned": 2, "cancelled": 1, "draft": 1, "failed": 1, "on_hold": 1, "pending": 1},
        ["invalid_price", "invalid_price", "unknown_event_type"],
    ),
    "segment": Export(segment, CALL_EVENTS, CALLS_LEFT_OUT),
    "rudderstack": Export(rudderstack, CALL_EVENTS, CALLS_LEFT_OUT),
    "snowplow": Export(
        snowplow,
        [
            ("dev-1", "2026-01-20 10:00:00.5", "view", "HAT", 20.25, 1, "NOK"),
            ("dev-1", "2026-01-20 10:00:30", "view", "HAT", 20.25, 1, "NOK"),
            ("dev-1", "2026-01-20 10:00:30", "view", "TIE", 8, 1, "NOK"),
            ("dev-1", "2026-01-20 10:01:00", "cart", "HAT", 20.25, 2, "NOK"),
            ("dev-1", "2026-01-20 10:01:10", "remove_from_cart", "HAT", 20.25, 1, "NOK"),
            ("dev-1", "2026-01-20 10:06:00", "purchase", "PIN", 4.5, 2, "SEK"),
            ("nils", "2026-01-20 10:02:00", "purchase", "HAT", 20.25, 2, "NOK"),
            ("nils", "2026-01-20 10:02:00", "purchase", "TIE", 8, 1, "NOK"),
            ("nils", "2026-01-20 10:03:00", "refund", None, 8, 1, "NOK"),
        ],
        {"other_action": 1, "other_event": 1, "page_ping": 1, "page_view": 1, "totals_line": 1},
    ),
    "adobe": Export(
        adobe,
        [
            ("18446744073709551615-7", "2026-03-01 12:00:00", "view", "BOOT;40", None, 1, "EUR"),
            ("18446744073709551615-7", "2026-03-01 12:01:00", "cart", "BOOT;40", 3.3333, 3, "EUR"),
            ("18446744073709551615-7", "2026-03-01 12:01:00", "view", "BOOT;40", 3.3333, 3, "EUR"),
            ("18446744073709551615-7", "2026-03-01 12:02:00", "remove_from_cart", "BOOT;40", None, 1, "EUR"),
            ("18446744073709551615-7", "2026-03-01 12:03:00", "purchase", "BOOT;40", 3.3333, 3, "EUR"),
            ("18446744073709551615-7", "2026-03-01 12:03:00", "purchase", "WAX", 4.4, 1, "EUR"),
        ],
        {"duplicate_purchase": 1, "excluded_hit": 2, "other_hit": 1, "uploaded_hit": 1},
    ),
    "matomo": Export(
        matomo,
        [
            ("007", "2026-06-01 00:01:30", "purchase", None, 13, 1, "EUR"),
            ("f00d", "2026-06-01 00:00:00", "view", "MUG", 6.5, 1, "EUR"),
            ("f00d", "2026-06-01 00:00:30", "cart", "MUG", 6.5, 1, "EUR"),
            ("f00d", "2026-06-01 00:01:00", "purchase", "MUG", 6.5, 2, "EUR"),
            ("f00d", "2026-06-01 00:01:00", "purchase", "TEA", 3, 1, "EUR"),
        ],
        {"empty_visit": 1, "goal": 1, "other_action": 1, "page_view": 1, "search": 1},
    ),
    "stripe": Export(
        stripe,
        [
            ("cus_1", "2026-02-01 23:59:59", "purchase", None, 60, 1, "GBP"),
            ("cus_1", "2026-02-01 23:59:59", "purchase", None, 2400.5, 1, "GBP"),
            ("cus_1", "2026-02-03 10:00:00", "refund", None, 15, 1, "GBP"),
            ("pay@example.org", "2026-02-01 23:59:59", "purchase", None, 7.5, 1, "GBP"),
            ("pay@example.org", "2026-02-01 23:59:59", "purchase", None, 48.1, 1, "GBP"),
        ],
        {"failed": 1, "test_mode": 1, "uncaptured": 1},
        ["invalid_price", "unknown_event_type"],
    ),
    "stripe-of-old": Export(
        stripe_of_old, [("pay@example.org", "2019-02-01 10:00:00", "purchase", None, 10, 1, "GBP")]
    ),
    "etsy": Export(
        etsy,
        [
            ("jolund", "2026-01-02 00:00:00", "purchase", "55 Size:7", 1250, 2, "USD"),
            ("jolund", "2026-01-02 00:00:00", "purchase", "RING", 12, 1, "EUR"),
        ],
        quarantined=["missing_user_id"],
    ),
    "olist": Export(
        olist,
        [
            ("eu", "2018-05-01 10:56:33", "purchase", "rug", 120, 1, "BRL"),
            ("eu", "2018-05-01 10:56:33", "purchase", "vase", 9.9, 1, "BRL"),
            ("eu", "2018-05-01 10:56:33", "purchase", "vase", 9.9, 1, "BRL"),
        ],
        {"cancelled": 1, "unavailable": 1, "without_items": 1},
    ),
}  # fmt: skip
