"""A mapping for a source that none of the project's fits: guesses by names and values, and what they leave open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
        price = self.pick("price", is_number)
        amount = None if price else self.pick("amount", is_number)
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
        return mapping

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
