"""What makes two rows the same event, and the id that follows from it.

The mapping's `dedupe_on`, a list of expressions; left out, the event id when the mapping gives one, else all columns of
the row. With `none` equal rows are separate events, which are told apart by counting them.
"""

from collections.abc import Sequence

from likely_buyers.sources.mapping.definition import EventMapping
from likely_buyers.sources.mapping.dialect import Column, tried
from likely_buyers.sql_text import literal, quoted


def key_expressions(mapping: EventMapping, columns: Sequence[Column], event_id: str) -> list[str]:
    """Expressions over the rows that are equal for rows of the same event.

    event_id: the mapping's expression for it, made safe.
    """
    if mapping.compares_whole_lines:
        return [quoted(column.name) for column in columns] or ["1"]
    if mapping.dedupe_on:
        return [tried(mapping.in_its_zone(expression)).strip() for expression in mapping.dedupe_on]
    return [event_id]


def event_id(mapping: EventMapping, columns: Sequence[Column]) -> str:
    """The event's id, over event_lines: the source's own, or the MD5 of what makes it the event it is.

    A row whose key is null in part is told by its whole: it is an event without a key, not the same as the next one.
    """
    digest = _digest(mapping, columns, "md5")
    return digest if mapping.compares_whole_lines else f"coalesce(source_event_id, {digest})"


def event_digest(mapping: EventMapping, columns: Sequence[Column]) -> str:
    """The MD5 of `event_id`, as a number, for who keeps sixteen bytes of it; null where the id is the source's own."""
    digest = _digest(mapping, columns, "md5_number")
    return (
        digest
        if mapping.compares_whole_lines
        else f"case when source_event_id is null then {digest} end"
    )


def same_event(mapping: EventMapping, columns: Sequence[Column]) -> list[str]:
    """Expressions over event_lines that are equal for rows of the same event and no others: `event_id`, undigested."""
    whole_line = [quoted(f"source.{column.name}") for column in columns] or ["1"]
    if mapping.compares_whole_lines:
        return whole_line
    keys = [f"event_key_{number}" for number, _ in enumerate(mapping.dedupe_on or ("event_id",), 1)]
    told = [f"cast({key} as varchar)" for key in keys]
    without_key = f"source_event_id is null and ({' or '.join(f'{key} is null' for key in keys)})"
    return [
        "source_event_id",
        *(
            f"case when source_event_id is null and not ({without_key}) then {key} end"
            for key in told
        ),
        *(f"case when {without_key} then {column} end" for column in whole_line),
    ]


def _digest(mapping: EventMapping, columns: Sequence[Column], function: str) -> str:
    whole_line = f"{function}({_whole_line(columns)})"
    if mapping.compares_whole_lines:
        return whole_line
    keys = [
        f"cast(event_key_{number} as varchar)"
        for number, _ in enumerate(mapping.dedupe_on or ("event_id",), 1)
    ]
    return (
        f"case when {' is null or '.join(keys)} is null then {whole_line}"
        f" else {function}(concat_ws(chr(31), {', '.join(keys)})) end"
    )


def _whole_line(columns: Sequence[Column]) -> str:
    """Text of name=value of the columns that are not null.

    So a column added later changes no id of earlier lines, nor does a header that is spelt in other letters. All in one
    concat: gluing each name to its value first takes half as long again.
    """
    parts = []
    for column in columns:
        name = quoted(f"source.{column.name}")
        told = literal(f"{column.name.lower()}=")
        parts.append(
            f"case when {name} is not null then chr(31) || {told} else '' end,"
            f" coalesce(cast({name} as varchar), ''), "
        )
    return f"concat({''.join(parts)}'')"
