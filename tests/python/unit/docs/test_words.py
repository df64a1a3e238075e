"""The vocabulary: no text uses an old word of `python/tools/words.toml`, which says what to write instead."""

import re
import tomllib

import pytest

from support.installation import PROJECT

WORDS = tomllib.loads((PROJECT / "python/tools/words.toml").read_text())
TEXT = {
    ".md",
    ".py",
    ".sql",
    ".yml",
    ".yaml",
    ".toml",
    ".csv",
    ".css",
    ".js",
    ".j2",
    ".sh",
    ".svg",
    "",
}


def searched_files() -> list[str]:
    """Text files of the places that are searched."""
    found = []
    for name in WORDS["searched"]:
        place = PROJECT / name
        found += sorted(place.rglob("*")) if place.is_dir() else [place]
    return [
        path.relative_to(PROJECT).as_posix()
        for path in found
        if path.is_file()
        and path.suffix in TEXT
        and "__pycache__" not in path.parts
        and path.name != "words.toml"
    ]


@pytest.mark.parametrize("word", WORDS["word"], ids=lambda word: word["example"])
def test_the_text_uses_no_old_word(word: dict[str, str]) -> None:
    pattern = re.compile(word["pattern"], re.IGNORECASE)
    assert pattern.search(word["example"]), f"{word['pattern']} does not find its own example"
    excepted = {rule["file"] for rule in WORDS["exception"] if rule["pattern"] == word["pattern"]}
    found, used = [], set()
    for name in searched_files():
        for number, line in enumerate((PROJECT / name).read_text("utf-8").splitlines(), start=1):
            if match := pattern.search(line):
                used.add(name)
                if name not in excepted:
                    found.append(f"{name}:{number}: {match[0]!r}")
    assert not found, "\n".join([f"old words, write: {word['instead']}", *found])
    assert excepted <= used, f"exceptions that nothing needs any more: {sorted(excepted - used)}"


def test_every_exception_belongs_to_a_word_and_has_a_reason() -> None:
    patterns = {word["pattern"] for word in WORDS["word"]}
    for rule in WORDS["exception"]:
        assert rule["pattern"] in patterns, f"no word has the pattern {rule['pattern']}"
        assert rule["reason"], f"the exception for {rule['file']} gives no reason"


def test_the_places_that_are_searched_exist() -> None:
    absent = [name for name in WORDS["searched"] if not (PROJECT / name).exists()]
    assert not absent, f"words.toml searches what is not there: {absent}"
