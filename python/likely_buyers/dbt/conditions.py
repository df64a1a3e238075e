"""The conditions of outcomes, before anything is written: one expression over columns that there are, true or false."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from likely_buyers.errors import nearest
from likely_buyers.outcomes import BadOutcome, Outcome
from likely_buyers.sources.mapping.dialect import AGGREGATE, Described, DuckDB, NoSql, nodes
from likely_buyers.sql_text import quoted

_OF_MORE_ROWS = {"SUBQUERY", "WINDOW", "STAR", "PARAMETER"}
# of a function that is made of others DuckDB does not say whether it is stable
_CLOCK_OR_CHANCE = "stability <> 'CONSISTENT'"


def check_conditions(
    outcomes: Sequence[Outcome],
    columns: Mapping[str, Mapping[str, str]],
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Refuse a `where` or a `population` that is no condition on a row, or reads what is not known as of the cutoff.

    Args:
        outcomes: as configured.
        columns: of `events` and of `features`: {name: type}.
        connection: the engine; it is asked over a cursor, and no row is read.

    Raises:
        BadOutcome: naming the outcome, what is wrong and what there is.
    """
    for outcome in outcomes:
        for key, condition, known in (
            ("where", outcome.where, columns["events"]),
            ("population", outcome.population, columns["features"]),
        ):
            # a part of the project, as `inspect` builds it, has no features
            if condition and known:
                problem = _problem(condition, key, known, DuckDB(connection.cursor()))
                if problem:
                    raise BadOutcome(
                        f"the outcome '{outcome.name}' has {key} \"{condition}\", which {problem}"
                    )


def _problem(condition: str, key: str, known: Mapping[str, str], engine: DuckDB) -> str:
    """What is wrong, to follow 'which'; '' where nothing is."""
    try:
        tree = engine.parsed(condition)
    except NoSql as error:
        return f"is no SQL: {error}."
    names = {name.lower() for name in known}
    unknown = [name for name in engine.columns_read(condition) if name.lower() not in names]
    row = ", ".join(f"cast(null as {type_}) as {quoted(name)}" for name, type_ in known.items())
    return (
        _more_than_a_condition(tree, engine)
        or (_without_column(unknown[0], key, known) if unknown else "")
        or _no_truth(engine.describe(f"select ({condition}) as holds from (select {row}) as one"))  # noqa: S608
    )


def _more_than_a_condition(tree: Any, engine: DuckDB) -> str:
    if len(tree["select_list"]) != 1 or tree["from_table"]["type"] != "EMPTY":
        return "must be one condition, and is more than that."
    parts = list(nodes(tree["select_list"]))
    called = {str(part.get("function_name")) for part in parts if part.get("class") == "FUNCTION"}
    classes = {str(part.get("class")) for part in parts}
    if classes & _OF_MORE_ROWS or called & engine.functions(AGGREGATE):
        return "must be a condition on one row: no subquery, window, aggregate or parameter."
    changing = called & engine.functions(_CLOCK_OR_CHANCE)
    if changing:
        return (
            f"calls {', '.join(sorted(changing))}: the clock or chance. Times count from the cutoff; see"
            " days_since_last_event and the like."
        )
    return ""


def _without_column(column: str, key: str, known: Mapping[str, str]) -> str:
    where = "silver.events" if key == "where" else "the features, all that is known as of a cutoff"
    near = nearest(column, known, 0.6)
    return f"reads '{column}', which is no column of {where}." + (
        f" Did you mean '{near}'?" if near else ""
    )


def _no_truth(described: Described) -> str:
    if described.failure:
        return f"DuckDB does not take: {described.failure}"
    type_ = described.columns[0].type
    return "" if type_ == "BOOLEAN" else f"gives {type_}, and must be true or false."
