"""The columns that a draft has not used yet, and how one of them is written in an expression."""

from collections.abc import Callable, Sequence

from likely_buyers.inspecting.profile import Column
from likely_buyers.inspecting.times import plain
from likely_buyers.inspecting.vocabulary import rank


class Candidates:
    """Columns by what their names say; what is taken for one thing is no candidate for the next."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = [column for column in columns if column.kind != "empty"]
        self._taken: set[str] = set()

    def pick(
        self, role: str, fits: Callable[[Column], bool] = lambda _: True, filled: float = 0.0
    ) -> Column | None:
        """The column whose name says it best, of those that are filled further than `filled`."""
        named = self.named(role, fits, filled)
        return named[0] if named else None

    def named(
        self, role: str, fits: Callable[[Column], bool] = lambda _: True, filled: float = 0.0
    ) -> list[Column]:
        """All columns whose names say it, the best first."""
        ranked = [
            (at, number, column)
            for number, column in enumerate(self.columns)
            if column.name not in self._taken
            and column.filled > max(filled, 0)
            and (at := rank(column.name, role)) is not None
            and fits(column)
        ]
        return [column for _, _, column in sorted(ranked, key=lambda one: one[:2])]

    def take(self, column: Column) -> str:
        """The column for an expression; it is used from now on."""
        self._taken.add(column.name)
        return plain(column.name)

    def number(self, column: Column) -> str:
        """The column for a price or a quantity, with what makes a number of it where that is needed."""
        self._taken.add(column.name)
        if column.has_decimal_comma:
            return f"as_number({plain(column.name)}, ',')"
        if column.kind == "money":
            return f"as_number({plain(column.name)})"
        return plain(column.name)

    def reckoned(self, column: Column) -> str:
        """The column as a number, whatever type it came with."""
        given = self.number(column)
        return given if given.startswith("as_number") else f"as_number({given})"
