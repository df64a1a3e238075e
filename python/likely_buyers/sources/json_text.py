"""JSON that is no line an object: one array, or objects one after the other over several lines."""

import json
import re
from collections.abc import Iterator
from typing import Any

from likely_buyers.sources.errors import SourceProblem

_BLANKS = re.compile(r"[\s]*")
_LOOKED_AT_LINES = 100
_LEAST_READ = 1 << 20
# within so many characters of the end of what is read, an error may come of that end
_AT_THE_END = 64


def json_kind(head: bytes) -> str:
    """lines, array or unstructured (objects over several lines), by the first bytes of a file in UTF-8."""
    text = head.decode("utf-8", "replace").lstrip()
    if text.startswith("["):
        first = text.split("\n", 1)[0]
        # a line that is a whole array of its own among others is a broken line of a file of lines; one after which a
        # value is to follow begins an array
        rest = text[len(first) :].lstrip()
        if (
            first.rstrip().endswith(("[", ",", ":"))
            or not rest.startswith("{")
            or not _is_object(rest.split("\n", 1)[0])
        ):
            return "array"
        return "lines"
    if _goes_on_over_lines(text):
        return "unstructured"
    lines = text.split("\n")[:_LOOKED_AT_LINES]
    return "lines" if any(_is_object(line) for line in lines) or len(lines) == 1 else "unstructured"


def count_lines(pieces: Iterator[bytes]) -> int:
    """Lines of a file of JSON lines that hold more than blanks."""
    count, carry = 0, b""
    for piece in pieces:
        lines = (carry + piece).replace(b"\r", b"\n").split(b"\n")
        carry = lines.pop()
        count += sum(1 for line in lines if line.strip(b" \t"))
    return count + bool(carry.strip(b" \t"))


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (json.JSONDecodeError, RecursionError):
        return False


def _goes_on_over_lines(text: str) -> bool:
    """Whether what the text begins with is JSON that its first line does not end, as far as it is given."""
    try:
        end = json.JSONDecoder().raw_decode(text)[1]
    except json.JSONDecodeError as error:
        # a text in quotes does not go on over lines
        end = len(text) if error.pos == len(text) or error.msg.startswith("Unterminated") else 0
    except RecursionError:
        return False
    return "\n" in text[:end]


def array_elements(  # noqa: PLR0912, PLR0915 a state machine is read best in one piece
    pieces: Iterator[str], kind: str, path: str
) -> Iterator[Any]:
    """The elements of the array, or the values one after the other, without holding the file in memory.

    Raises:
        SourceProblem: it is no JSON, or ends too early.
    """
    decoder = json.JSONDecoder()
    held, passed, at, wanted = "", 0, 0, 0
    ended = False
    count = 0
    state = "begin" if kind == "array" else "value"

    def refuse(problem: str) -> SourceProblem:
        return SourceProblem(
            f"the file '{path}' is no whole JSON: {problem} at character {passed + at:,}, after {count:,} whole"
            f" {'elements' if kind == 'array' else 'objects'}. Nothing was loaded. Deliver it again (or move it out of"
            " the folder), then run dbt build."
        )

    while True:
        at = _BLANKS.match(held, at).end()  # type: ignore[union-attr]
        short = len(held) - at < wanted
        if (at >= len(held) or short) and not ended:
            piece = next(pieces, None)
            if piece is None:
                ended = True
            else:
                passed += at
                held, at = held[at:] + piece, 0
            continue
        if at >= len(held):
            if state in ("end", "value" if kind != "array" else "end"):
                return
            raise refuse("it ends too early")
        if state == "begin":
            if held[at] != "[":
                raise refuse("it does not begin with [")
            at, state = at + 1, "first"
        elif state == "end":
            raise refuse("something follows the array")
        elif state == "after":
            if held[at] not in ",]":
                raise refuse("a comma is missing")
            state = "value" if held[at] == "," else "end"
            at += 1
        elif state == "first" and held[at] == "]":
            at, state = at + 1, "end"
        else:
            try:
                value, end = decoder.raw_decode(held, at)
            except json.JSONDecodeError as error:
                is_open = error.msg.startswith("Unterminated")
                if ended or (not is_open and error.pos < len(held) - _AT_THE_END):
                    is_cut = is_open or error.pos >= len(held) - 1
                    raise refuse("it ends too early" if is_cut else error.msg) from error
                # the element may go on in what is not read yet
                wanted = max(2 * (len(held) - at), _LEAST_READ)
                continue
            if end >= len(held) and not ended:
                wanted = max(2 * (len(held) - at), _LEAST_READ)
                continue
            wanted = 0
            at, count = end, count + 1
            yield value
            # most elements follow one another so, and whole in what is read
            if kind == "array" and held.startswith(",{", at):
                at, state = at + 1, "value"
            else:
                state = "after" if kind == "array" else "value"
