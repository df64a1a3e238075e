"""A mapping for a source that none of the project's fits: guesses by names and values, and what they leave open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import duckdb

from likely_buyers.inspecting import vocabulary
from likely_buyers.inspecting.candidates import Candidates
from likely_buyers.inspecting.kinds import EventTypes, event_types
from likely_buyers.inspecting.people import users_of
from likely_buyers.inspecting.profile import Column
from likely_buyers.inspecting.times import Times, plain, times_of, with_clock
from likely_buyers.inspecting.vocabulary import rank
from likely_buyers.sql_text import quoted

_MOSTLY_FILLED = 0.5
_NEARLY_ALL = 0.95
_SHOWN = 8


@dataclass
class Draft:
    """A mapping to be looked through."""

    mapping: dict[str, Any] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    """What no column tells, in words; with something in it there is no mapping."""


def draft_of(
    columns: Sequence[Column],
    connection: duckdb.DuckDBPyConnection,
    *,
    reading: Mapping[str, Any],
) -> Draft:
    """A mapping for the lines of `lines`.

    reading: keys that the mapping needs for its files to be read.
    """
    return _Drafting(columns, connection, Draft(dict(reading))).draft()


class _Drafting(Candidates):
    """One column of the contract after the other."""

    def __init__(
        self,
        columns: Sequence[Column],
        connection: duckdb.DuckDBPyConnection,
        found: Draft,
    ) -> None:
        super().__init__(columns)
        self._connection = connection
        self._found = found
        self._comma = any(column.has_decimal_comma for column in columns)

    def draft(self) -> Draft:
        """The mapping, in the order in which people write them."""
        found, mapping = self._found, self._found.mapping
        times = self._times()
        users = users_of(self, found.questions)
        if times is None:
            found.lacks.append(
                "No column tells when something happened. Export the time of each order or event, too."
            )
        if not users:
            found.lacks.append(
                "No column tells who bought, so nobody can be ranked. Export a report that has a customer's number, an"
                " e-mail address or a visitor's id on each line, or join it from the shop's customers (sources and rows"
                " in the mapping)."
            )
        if times is None or not users:
            return found
        mapping["event_time"] = times.expression
        kinds = event_types(self.columns, self._connection, taken=self._taken)
        amounts = self._amounts(kinds)
        mapping["event_type"] = kinds.expression
        mapping["user_id"] = users[0] if len(users) == 1 else users
        if session := self.pick("session") or self.pick("order"):
            mapping["session_id"] = self.take(session)
        if product := self._product():
            mapping["product_id"] = product
        for role in ("category", "brand"):
            if column := self.pick(role):
                mapping[role] = self.take(column)
        mapping |= amounts
        if kinds.left_out:
            mapping["leave_out"] = dict(kinds.left_out)
        found.questions += kinds.questions
        self._same_event(times)
        return found

    def _times(self) -> Times | None:
        candidates: list[tuple[tuple[float, ...], Times]] = []
        day_first = self._comma
        for number, column in enumerate(self.columns):
            named = rank(column.name, "time")
            if column.kind not in ("date", "text") and named is None:
                continue
            if column.kind == "text" and named is None and column.distinct < 2:
                continue
            found = times_of(
                column.name, self._connection, is_named_so=named is not None, day_first=day_first
            )
            if found:
                is_other = any(
                    word in vocabulary.words(column.name) for word in vocabulary.NOT_THE_TIME
                )
                order = (
                    column.filled < _MOSTLY_FILLED,
                    is_other,
                    found.is_day,
                    999 if named is None else named,
                    number,
                )
                candidates.append((tuple(float(part) for part in order), found))
        if not candidates:
            return None
        candidates.sort(key=lambda one: one[0])
        best = candidates[0][1]
        self._taken.add(best.column)
        best = self._with_clock(best)
        self._ask_about(best, [one.column for _, one in candidates[1:4]])
        return best

    def _with_clock(self, best: Times) -> Times:
        """The day with a column of its own for the time of day."""
        clock = self.pick("clock", lambda column: column.kind == "text") if best.is_day else None
        if clock is None:
            return best
        found = with_clock(best, clock.name, self._connection)
        if found is None:
            return best
        self._taken.add(clock.name)
        return found

    def _ask_about(self, times: Times, others: Sequence[str]) -> None:
        questions = self._found.questions
        if times.other_expression:
            order = (
                "day first"
                if times.expression.find("%d") < times.expression.find("%m")
                else "month first"
            )
            other = "month first" if order == "day first" else "day first"
            questions.append(
                f"Is '{times.example}' in {times.column} written day first or month first? All its values fit both; the"
                f" draft takes {order}. For {other}: {times.other_expression}"
            )
        if times.silent:
            questions.append(
                f"Which time zone is {times.column} in? {times.silent} do not say. The draft takes UTC; for another one"
                " add time_zone: Europe/Berlin, or where the shop's clock is."
            )
        if others:
            questions.append(
                f"Is {times.column} the time that counts? These columns tell times, too: {', '.join(others)}."
            )

    def _product(self) -> str | None:
        column = self.pick("product")
        name = self.pick("product name", lambda c: c is not column)
        if column is None:
            return self.take(name) if name else None
        if name and column.filled < 0.99 and name.filled > column.filled:
            self._taken.add(name.name)
            return f"coalesce({self.take(column)}, {plain(name.name)})"
        return self.take(column)

    def _amounts(self, kinds: EventTypes) -> dict[str, str]:
        """price, quantity and currency; who gives back less than nothing gives a refund."""
        is_number = lambda column: column.is_number  # noqa: E731
        mapping: dict[str, str] = {}
        quantity = self.pick("quantity", is_number)
        price, amount = self._money()
        signed = next((c for c in (quantity, price, amount) if c and c.has_negatives), None)
        if signed:
            kinds.refund_below_zero(self.reckoned(signed))
            self._found.questions.append(
                f"What is a line whose {signed.name} is below zero? The draft takes it for a refund."
            )
        absolute = (lambda sql: f"abs({sql})") if signed else (lambda sql: sql)
        money = price or amount
        if money:
            mapping["price"] = self.number(money)
            if money.has_negatives:
                mapping["price"] = absolute(self.reckoned(money))
            if amount and quantity:
                mapping["price"] = absolute(
                    f"{self.reckoned(amount)} / nullif({self.reckoned(quantity)}, 0)"
                )
            if self._is_of_orders(money):
                self._ask_about_orders(money)
            if amount and quantity:
                self._found.questions.append(
                    f"Is {amount.name} of all pieces of the line? The draft divides it by {quantity.name}. If it is of"
                    " one piece, leave the division out; if it is the whole order's, repeated on each line, find"
                    " another column."
                )
            elif amount is None and quantity:
                self._found.questions.append(
                    f"Is {money.name} of one piece? The draft takes it so; if it is of the whole line, divide it by"
                    f" {quantity.name}."
                )
        if quantity:
            mapping["quantity"] = self.number(quantity)
            if quantity.has_negatives:
                mapping["quantity"] = absolute(self.reckoned(quantity))
        mapping |= self._currency(money)
        self._ask_about_others(money)
        return mapping

    def _money(self) -> tuple[Column | None, Column | None]:
        """What is paid for a piece, or else for what a line has of it."""
        price = self.pick("price", lambda c: c.is_number)
        amounts = self.named("amount", lambda c: c.is_number)
        amount = min(amounts, key=self._is_of_orders, default=None)
        if price is None or amount is None:
            return price, amount
        # 'total' says more than 'promo price', unless it is the order's
        takes_amount = (
            vocabulary.is_vague(price.name, "price")
            and not vocabulary.is_vague(amount.name, "amount")
            and amount.filled >= price.filled
            and not self._is_of_orders(amount)
        )
        return (None, amount) if takes_amount else (price, None)

    def _is_of_orders(self, money: Column) -> bool:
        return money.name in self._of_orders

    @cached_property
    def _of_orders(self) -> list[str]:
        """Columns of numbers that are the same on all lines of an order."""
        order = self.pick("order")
        columns = [c for c in self.columns if c.is_number and c.distinct > 1]
        if order is None or not columns:
            return []
        counts = ", ".join(
            f"count({name}) as lines_{at}, count(distinct {name}) as values_{at}"
            for at, name in enumerate(quoted(c.name) for c in columns)
        )
        shares = ", ".join(
            f"avg(case when values_{at} = 1 then 1 else 0 end) filter (lines_{at} > 1)"
            for at in range(len(columns))
        )
        row = self._connection.execute(
            f"select {shares} from (select {counts} from (select distinct * from lines) group by {quoted(order.name)})"
        ).fetchone()
        return [
            column.name
            for column, share in zip(columns, row or (), strict=False)
            if (share or 0) >= _NEARLY_ALL
        ]

    def _ask_about_orders(self, money: Column) -> None:
        order = self.pick("order")
        self._found.questions.append(
            f"Is {money.name} the whole order's? It is the same on all lines of an order, and revenue would count it"
            " for each of them. If it is, take a column of the line's own, or divide it by the order's lines: `rows`"
            f" that give count(*) over (partition by {plain(order.name) if order else 'the order'})."
        )

    def _ask_about_others(self, money: Column | None) -> None:
        others = [
            c.name
            for c in self.columns
            if c.name not in self._taken
            and c.is_number
            and rank(c.name, "phone") is None
            and (c.kind == "money" or vocabulary.names_money(c.name))
        ]
        if not others:
            return
        names = ", ".join(others[:_SHOWN])
        names += f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        self._found.questions.append(
            f"Is {money.name} what is paid for the product? These hold amounts, too: {names}."
            if money
            else f"What is paid for the product? No column's name says it. These hold amounts: {names}."
        )

    def _currency(self, money: Column | None) -> dict[str, str]:
        column = self.pick("currency", lambda c: c.kind == "text")
        if column:
            return {"currency": f"upper({self.take(column)})"}
        if money is None:
            return {}
        rows = self._connection.execute(
            "select sign, count(*) from (select trim(regexp_extract(cast("
            + quoted(money.name)
            + " as varchar),"
            r" '(US\$|R\$|\p{Sc}|zł|[A-Z]{3})', 1)) as sign from lines) where sign <> '' group by 1 order by 2 desc"
        ).fetchall()
        signs = [str(row[0]) for row in rows]
        if len(signs) == 1 and (
            code := vocabulary.SIGNS.get(signs[0], signs[0] if len(signs[0]) == 3 else None)
        ):
            return {"currency": f"'{code}'"}
        if len(signs) > 1:
            self._found.questions.append(
                f"{money.name} is in several currencies ({', '.join(signs)}), and no column says which. Prices of"
                " different currencies must not be added up: make `currency` of the sign, with a case."
            )
        else:
            self._found.questions.append(
                f"Which currency is {money.name} in? No column says it. Add currency: \"'EUR'\", or whatever it is."
            )
        return {}

    def _same_event(self, times: Times) -> None:
        """What makes two lines the same event, where a column's name and values say it."""
        key = next((c for c in self.named("line", lambda c: c.filled > 0.99) if c.is_unique), None)
        if key:
            self._found.mapping["dedupe_on"] = [self.take(key)]
            self._found.questions.append(
                f"Does {key.name} tell lines apart for good? The draft takes two lines with the same one for one event."
            )
            return
        row = self._connection.execute(
            "select count(*) - (select count(*) from (select distinct * from lines)) from lines"
        ).fetchone()
        equal = int(row[0]) if row else 0
        if times.is_day:
            self._found.questions.append(
                "Are two equal lines of one day one purchase told twice, or two? There is no time of day to tell them"
                f" apart. The draft takes them for one ({equal:,} lines here are equal to another); for two add"
                " dedupe_on: none."
            )
        elif equal:
            self._found.questions.append(
                f"Are equal lines one event told twice, or several? The draft takes them for one ({equal:,} lines here"
                " are equal to another); for several add dedupe_on: none."
            )
