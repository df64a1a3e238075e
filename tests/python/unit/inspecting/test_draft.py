"""What a draft makes of columns' names and values, and what it asks."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from likely_buyers.inspecting.draft import Draft, draft_of
from likely_buyers.inspecting.profile import profiled
from likely_buyers.sources.sql_helpers import create_helpers


class Drafter:
    """Drafts a mapping of lines, which are given as CSV is written."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __call__(self, header: str, *lines: str) -> Draft:
        names = [name.strip() for name in header.split(",")]
        columns = ", ".join(f'"{name}" varchar' for name in names)
        self._connection.execute(f"create or replace table lines ({columns})")
        for line in lines:
            values = [value.strip() or None for value in line.split(",")]
            self._connection.execute(
                f"insert into lines values ({', '.join('?' * len(names))})", values
            )
        return draft_of(profiled(self._connection), self._connection, reading={})

    def read(self, expression: str) -> list[Any]:
        """What a mapping's expression makes of the lines of the last draft."""
        sql = expression.replace("as_utc(", "as_utc_in('UTC', ")
        return [row[0] for row in self._connection.execute(f"select {sql} from lines").fetchall()]


@pytest.fixture
def draft() -> Iterator[Drafter]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_helpers(connection)
        yield Drafter(connection)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("customer_country", ("DE", "FR", "DE")),
        ("customer_type", ("business", "private", "private")),
        ("customer_city", ("Rome", "Bonn", "Rome")),
        ("customer_group_id", ("2", "3", "2")),
        ("user_agent", ("Firefox", "Safari", "Firefox")),
        ("client_ip", ("10.0.0.1", "10.0.0.2", "10.0.0.1")),
        ("Customer Note", ("ring twice", "-", "thanks")),
        ("customer_cohort", ("spring", "autumn", "autumn")),
        ("customer_name", ("Ann Lee", "Bo Ek", "Bo Ek")),
        ("email_marketing_consent", ("granted", "denied", "denied")),
    ],
)
def test_what_tells_of_a_customer_is_no_customer(
    draft: Drafter, name: str, values: tuple[str, ...]
) -> None:
    mails = ("ann@x.example", "bob@x.example", "bob@x.example")
    found = draft(
        f"order_number, order_date, email, {name}, total",
        *(
            f"{n}, 2026-01-0{n} 10:00:00, {mail}, {value}, 2.50"
            for n, (mail, value) in enumerate(zip(mails, values, strict=True), 1)
        ),
    )
    assert found.mapping["user_id"] == "as_email(email)"
    assert not any("Which column is the user" in question for question in found.questions)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("customer_email", ("ann@x.example", "bob@x.example"), "as_email(customer_email)"),
        ("billing_customer_id", ("7", "8"), "billing_customer_id"),
        ("customer_ref_no", ("K7", "K8"), "customer_ref_no"),
        ("client", ("K7", "K8"), "client"),
        ("customer_phone_number", ("0171 22", "0171 33"), "customer_phone_number"),
    ],
)
def test_a_user_is_drafted_once(
    draft: Drafter, name: str, values: tuple[str, ...], expected: str
) -> None:
    found = draft(
        f"order_number, order_date, {name}",
        *(f"{n}, 2026-01-0{n} 10:00:00, {value}" for n, value in enumerate(values, 1)),
    )
    assert found.mapping["user_id"] == expected


def test_an_id_that_nearly_all_lines_share_comes_behind_an_e_mail(draft: Drafter) -> None:
    """A till's export has who sold under `user`."""
    found = draft(
        "order_number, order_date, user, email",
        *(f"{n}, 2026-01-{n:02} 10:00:00, till {n % 2}, u{n % 9}@x.example" for n in range(1, 29)),
    )
    assert found.mapping["user_id"] == "as_email(email)"


def test_names_are_users_where_nothing_else_tells_them(draft: Drafter) -> None:
    found = draft(
        "order_number, order_date, customer_name",
        "1, 2026-01-01 10:00:00, Ann Lee",
        "2, 2026-01-02 10:00:00, Bo Ek",
        "3, 2026-01-03 10:00:00, Bo Ek",
    )
    assert found.mapping["user_id"] == "customer_name"
    assert any(
        "Does customer_name tell one person from another? It has 2 values on 3 lines" in question
        for question in found.questions
    )


def test_a_country_alone_tells_nobody(draft: Drafter) -> None:
    found = draft("order_date, customer_country", "2026-01-01, DE", "2026-01-02, FR")
    assert found.lacks
    assert "No column tells who bought" in found.lacks[0]


@pytest.mark.parametrize(
    ("days", "clocks", "expected"),
    [
        (("2024-01-05", "2024-01-16"), ("08:15", "18:20"), "as_utc({})"),
        (("2024/01/05", "2024/01/16"), ("08:15", "18:20"), "as_utc({})"),
        (("20240105", "20240116"), ("08:15:01", "18:20:00"), "as_utc({}, '%Y%m%d %H:%M:%S')"),
        (("05.01.2024", "16.01.2024"), ("08:15", "18:20"), "as_utc({}, '%d.%m.%Y %H:%M')"),
        (("2024-01-05", "2024-01-16"), ("08:15 AM", "06:20 PM"), "as_utc({}, '%Y-%m-%d %I:%M %p')"),
    ],
)
def test_a_day_is_joined_with_its_time_of_day(
    draft: Drafter, days: tuple[str, ...], clocks: tuple[str, ...], expected: str
) -> None:
    found = draft(
        "date, time, email",
        *(f"{day}, {clock}, ann@x.example" for day, clock in zip(days, clocks, strict=True)),
    )
    expression = found.mapping["event_time"]
    assert expression == expected.format("concat_ws(' ', date, \"time\")")
    assert [str(time) for time in draft.read(expression)] == [
        f"2024-01-05 08:15:{'01' if clocks[0].endswith('01') else '00'}+00:00",
        "2024-01-16 18:20:00+00:00",
    ]


def test_the_other_order_of_day_and_month_has_the_time_of_day_too(draft: Drafter) -> None:
    found = draft("date, time, email", "01/01/2024, 08:15, ann@x.example")
    (question,) = (one for one in found.questions if "day first or month first" in one)
    assert "as_utc(concat_ws(' ', date, \"time\"), '%d/%m/%Y %H:%M')" in (
        question + found.mapping["event_time"]
    )
    assert question.endswith("/%Y %H:%M')")


def test_a_time_of_day_that_cannot_be_read_is_left_alone(draft: Drafter) -> None:
    found = draft("date, time, email", "2024-01-05, noon, ann@x.example")
    assert found.mapping["event_time"] == "as_utc(date)"


def test_a_status_is_asked_about_in_its_own_letters(draft: Drafter) -> None:
    found = draft(
        "created_at, status, email",
        "2024-01-05 10:00:00, paid, ann@x.example",
        "2024-01-06 10:00:00, Доставлен, ann@x.example",
    )
    assert any("What does 'Доставлен' in status mean?" in one for one in found.questions)


@pytest.mark.parametrize(
    ("names", "values", "expected", "others"),
    [
        ("shipping_price, total", ("4.90, 20.50", "4.90, 30.50"), "total", "shipping_price"),
        ("discount_amount, order_total_eur", ("1.50, 20.50", "2.50, 30.50"), "order_total_eur", "discount_amount"),
        ("tax_amount, amount_incl_tax", ("1.50, 20.50", "2.50, 30.50"), "amount_incl_tax", "tax_amount"),
        ("list_price, sale_price", ("9.50, 8.50", "9.70, 7.50"), "sale_price", "list_price"),
        ("cost_price, promo_price", ("3.50, 8.50", "3.70, 7.50"), "promo_price", "cost_price"),
        ("promo_price, line_total", ("3.50, 8.50", "3.70, 7.50"), "line_total", "promo_price"),
        ("price_ex_vat, total_price", ("8.50, 9.50", "7.50, 8.10"), "price_ex_vat", "total_price"),
        ("item_cost, refund_amount", ("8.50, 1.50", "7.50, 1.00"), "item_cost", "refund_amount"),
        ("total_items, sales_number, total", ("2, 71, 9.50", "3, 72, 9.90"), "total", None),
    ],
)  # fmt: skip
def test_the_price_is_what_was_paid(
    draft: Drafter, names: str, values: tuple[str, ...], expected: str, others: str | None
) -> None:
    found = draft(
        f"order_id, email, order_date, {names}",
        *(f"{n}, u{n}@x.example, 2026-01-0{n} 10:00:00, {two}" for n, two in enumerate(values, 1)),
    )
    assert found.mapping["price"] == expected
    asked = [one for one in found.questions if "These hold amounts, too" in one]
    assert asked == (
        [f"Is {expected} what is paid for the product? These hold amounts, too: {others}."]
        if others
        else []
    )


def test_a_total_of_the_line_is_divided_and_a_price_to_compare_is_named(draft: Drafter) -> None:
    found = draft(
        "order_id, email, order_date, sku, quantity, compare_at_price, line_total",
        "1, ann@x.example, 2026-01-01 10:00:00, A, 2, 9.90, 15.80",
        "1, ann@x.example, 2026-01-01 10:00:00, B, 1, 5.90, 4.90",
    )
    assert found.mapping["price"] == "as_number(line_total) / nullif(as_number(quantity), 0)"
    assert any("These hold amounts, too: compare_at_price." in one for one in found.questions)


def test_without_a_price_the_amounts_are_asked_about(draft: Drafter) -> None:
    found = draft(
        "order_id, email, order_date, shipping_price", "1, ann@x.example, 2026-01-01, 4.90"
    )
    assert "price" not in found.mapping
    assert any("These hold amounts: shipping_price." in one for one in found.questions)


def test_a_status_of_unknown_words_is_asked_about(draft: Drafter) -> None:
    found = draft(
        "created_at, status, email",
        "2024-01-05 10:00:00, Доставлен, ann@x.example",
        "2024-01-06 10:00:00, Отменен, bob@x.example",
    )
    assert found.mapping["event_type"] == "'purchase'"
    assert (
        "Is each line a purchase? status may say otherwise: 'Доставлен', 'Отменен'; the draft takes it so."
        in found.questions
    )


LINES_OF_ORDERS = (
    "1, ann@x.example, 2026-01-01 10:00:00, A, 60.50, 20.50",
    "1, ann@x.example, 2026-01-01 10:00:00, B, 60.50, 30.50",
    "1, ann@x.example, 2026-01-01 10:00:00, C, 60.50, 9.50",
    "2, bob@x.example, 2026-01-02 10:00:00, A, 20.50, 20.50",
)


def test_an_amount_that_an_orders_lines_share_is_asked_about(draft: Drafter) -> None:
    found = draft(
        "order_id, email, order_date, sku, order_total",
        *(line.rpartition(",")[0] for line in LINES_OF_ORDERS),
    )
    assert found.mapping["price"] == "order_total"
    assert any(
        "Is order_total the whole order's?" in one
        and "count(*) over (partition by order_id)" in one
        for one in found.questions
    )


@pytest.mark.parametrize("name", ["promo_price", "net_sales"])
def test_an_amount_of_the_line_is_taken_before_the_orders(draft: Drafter, name: str) -> None:
    found = draft(f"order_id, email, order_date, sku, total, {name}", *LINES_OF_ORDERS)
    assert found.mapping["price"] == name
    assert not any("the whole order's?" in one for one in found.questions)


@pytest.mark.parametrize("name", ["payment_reference", "order_reference", "payment_method_title"])
def test_what_tells_of_a_payment_is_no_product(draft: Drafter, name: str) -> None:
    found = draft(f"order_id, email, order_date, {name}", "1, a@x.example, 2026-01-01, P7")
    assert "product_id" not in found.mapping
