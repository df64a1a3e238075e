"""How a source is read: the keys of an event mapping that are not about events."""

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from likely_buyers.sources.errors import SourceProblem

FORMATS = ("csv", "json", "parquet")
_TABS = {"tab": "\t", "\\t": "\t"}
KEYS = (
    *("format", "files", "sources", "delimiter", "quote", "escape", "encoding", "skip_lines"),
    *("header", "columns", "decimal", "nulls"),
)


@dataclass(frozen=True)
class Reading:
    """The reading keys of an event mapping; None where it leaves one to be found out."""

    format: str | None = None
    files: str | None = None
    sources: tuple[tuple[str, str], ...] = ()
    delimiter: str | None = None
    quote: str = '"'
    escape: str | None = None
    encoding: str | None = None
    skip_lines: int = 0
    header: bool = True
    columns: tuple[str, ...] | str | None = None
    nulls: tuple[str, ...] = ()

    @classmethod
    def of(cls, mapping: Mapping[str, Any], name: str) -> "Reading":  # noqa: PLR0912
        """The keys of `mapping`, checked.

        Raises:
            SourceProblem: a value that cannot be meant.
        """
        whose = f"event mapping '{name}'"
        given = {key: mapping[key] for key in KEYS if mapping.get(key) is not None}

        def refuse(key: str, expected: str) -> None:
            raise SourceProblem(f"{whose}: {key} must be {expected}; found: {given[key]!r}.")

        if "format" in given and given["format"] not in FORMATS:
            refuse("format", "one of " + ", ".join(FORMATS))
        for key in ("files", "encoding"):
            if key in given and not (isinstance(given[key], str) and given[key]):
                refuse(key, "a text")
        delimiter = given.get("delimiter")
        if delimiter is not None:
            delimiter = _TABS.get(delimiter, delimiter) if isinstance(delimiter, str) else None
            if not delimiter or len(delimiter.encode()) > 4 or set(delimiter) & set('\r\n"\0'):
                refuse(
                    "delimiter", "a character, up to four bytes of them, and no quote or line end"
                )
        for key in ("quote", "escape"):
            text = given.get(key)
            if text is None or text == "none":
                continue
            if not isinstance(text, str) or len(text.encode()) != 1 or text in "\r\n\0":
                refuse(key, "a character of ASCII, or the word none")
            if delimiter and text in delimiter:
                refuse(key, f"another character than the delimiter ({delimiter!r})")
        if "decimal" in given and given["decimal"] not in (".", ","):
            refuse("decimal", "'.' or ','")
        if "header" in given and not isinstance(given["header"], bool):
            refuse("header", "true or false")
        skip = given.get("skip_lines", 0)
        if not isinstance(skip, int) or isinstance(skip, bool) or skip < 0:
            refuse("skip_lines", "a whole number of at least 0")
        columns = given.get("columns")
        if columns is not None and not isinstance(columns, str):
            if not isinstance(columns, list) or not all(isinstance(c, str) and c for c in columns):
                refuse("columns", "a list of names, or the path of the file that holds them")
            columns = tuple(columns)
        nulls = given.get("nulls", [])
        if not isinstance(nulls, list) or not all(isinstance(text, str) for text in nulls):
            refuse("nulls", "a list of texts")
        sources = given.get("sources", {})
        if not isinstance(sources, Mapping) or not all(
            isinstance(n, str) and isinstance(p, str) for n, p in sources.items()
        ):
            refuse("sources", "a name and a pattern each")
        encoding = given.get("encoding")
        if encoding is not None:
            try:
                encoding = codecs.lookup(encoding).name
                "".encode(encoding)  # a codec may be none of texts
            except (LookupError, UnicodeError):
                refuse("encoding", "the name of an encoding, such as utf-8, cp1252, shift_jis")
        if "header" in given and not given["header"] and columns is None:
            raise SourceProblem(
                f"{whose}: header is false, so columns must name them: a list, or the file that holds them."
            )
        quote, escape = given.get("quote", '"'), given.get("escape")
        return cls(
            format=given.get("format"),
            files=given.get("files"),
            sources=tuple(sources.items()),
            delimiter=delimiter,
            quote="" if quote == "none" else quote,
            escape="" if escape == "none" else escape,
            encoding=encoding,
            skip_lines=skip,
            header=given.get("header", True),
            columns=columns,
            nulls=tuple(nulls),
        )


def is_of_dbt(pattern: str) -> bool:
    """Whether a source of the mapping is a relation of dbt, as ref('model'), rather than files."""
    return re.match(r"\s*(ref|source)\s*\(", pattern) is not None
