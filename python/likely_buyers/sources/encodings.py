"""Which encoding a text is in: told by its first bytes or the mapping, and what it may be where neither fits."""

import re

from charset_normalizer import from_bytes

MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# Western text has single letters outside ASCII between ASCII ones, or a sign beside a number or a blank
_WESTERN = re.compile(
    r"[A-Za-z][^\W\d_a-zA-Z]|[^\W\d_a-zA-Z][A-Za-z]|[£€¥°½¼¾«»\u2013\u2014\u2018\u2019\u201c\u201d\u2026§®™©\u00d7]"
)
_SIMPLIFIED = {
    "cp1250": "cp1252", "latin_1": "cp1252", "iso8859_15": "cp1252", "iso8859_2": "cp1250",
    "mac_roman": "cp1252", "shift_jis_2004": "shift_jis", "shift_jisx0213": "shift_jis",
}  # fmt: skip
_WESTERN_PAGES = ("cp1252", "cp1254", "cp1257", "cp1258")
_MULTIBYTE = ("shift_jis", "cp932", "euc_jp", "gb18030", "gbk", "big5", "euc_kr", "cp949")


def marked_encoding(head: bytes) -> tuple[str, int] | None:
    """Encoding that a byte-order mark tells, and the mark's length."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    return None


def unmarked_encoding(sample: bytes) -> str:
    """Which of the encodings of two or four bytes a character, by where its zero bytes are."""
    size = 32 if sample.count(0) * 2 > len(sample) + 8 else 16
    order = "le" if sample[1::2].count(0) >= sample[::2].count(0) else "be"
    if size == 32:
        order = "be" if sample[:1] == b"\0" else "le"
    return f"utf-{size}-{order}"


def likely_encoding(lines: list[bytes]) -> str | None:
    """What lines that are no UTF-8 may be in; None where they look damaged rather than written so.

    lines: those with bytes outside ASCII. A guess for a message, never acted upon.
    """
    sample = b"\n".join(lines)
    if sample.count(0) * 4 > len(sample):
        return unmarked_encoding(sample)
    high = [byte for byte in sample if byte > 0x7F]
    if not high or all(byte in (0xFE, 0xFF, 0xC0, 0xC1) or byte >= 0xF5 for byte in high):
        return None  # bytes that neither UTF-8 nor Western text has
    best = from_bytes(sample).best()
    guess = _SIMPLIFIED.get(best.encoding, best.encoding) if best else None
    is_eastern = guess and guess.startswith(("cp125", "koi8", "iso8859_5"))
    if guess in _MULTIBYTE or (is_eastern and guess not in _WESTERN_PAGES):
        return guess
    try:
        western = sample.decode("cp1252")
    except UnicodeDecodeError:
        western = sample.decode("latin-1")
    return "cp1252" if _WESTERN.search(western) else None
