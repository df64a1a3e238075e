"""Pieces of SQL that the macros of `sql_helpers` are put together of."""

from likely_buyers.sql_text import literal

# Blanks of the keyboard, no-break blanks, blanks of no width
_BLANKS = " \t\n\v\f\r\u00a0\u2007\u202f\u200b\u2060\ufeff"


def trimmed(txt: str) -> str:
    """Without blanks around it, visible or not."""
    return f"trim({txt}, {literal(_BLANKS)})"


def let(name: str, value: str, then: str) -> str:
    """`then`, in which `name` stands for `value`: pasted in once, however often it is named."""
    return f"list_transform([{value}], lambda {name}: {then})[1]"


def bound_late(parameter: str) -> str:
    """The first branch of a long macro, by which creating it takes a third of the time.

    DuckDB binds a new macro as far as it gets, to what depends on the type of a parameter. The branch is none in use.
    """
    return f"when false and len([{parameter}]) = 0 then null"
