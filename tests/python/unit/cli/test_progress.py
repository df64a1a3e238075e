"""Progress: a bar on a terminal, a line now and then elsewhere, an estimate in both, and nothing when quiet."""

import io
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from likely_buyers import terminal
from likely_buyers.terminal import Progress, Volume, erase_progress, in_words, say, set_volume


class Watch:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def usual_volume() -> Iterator[None]:
    # a bar that another test of this process left belongs to no terminal of ours
    erase_progress()
    set_volume(Volume.USUAL)
    yield
    set_volume(Volume.USUAL)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    screen = Terminal()
    # pytest puts its own stderr in place once a test begins
    monkeypatch.setattr(terminal, "sys", SimpleNamespace(stderr=screen))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return screen


def work(progress: Progress, watch: Watch, seconds: float, steps: int, total: int) -> None:
    for step in range(1, steps + 1):
        watch.now = seconds * step / steps
        progress(total * step // steps)


def test_a_log_gets_a_line_a_tenth(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    work(
        Progress("scoring", total=1_000_000, unit="users", clock=watch), watch, 100, 200, 1_000_000
    )
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[3] == ("likely_buyers: scoring 40 % (400,000 of 1,000,000 users), about 60 s left")
    assert lines[-1] == "likely_buyers: scoring 100 % (1,000,000 of 1,000,000 users)"


def test_lines_are_seconds_apart(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    work(Progress("publishing", total=1_000, unit="rows", clock=watch), watch, 12, 1_000, 1_000)
    assert len(capsys.readouterr().err.splitlines()) <= 3


def test_a_long_tenth_is_not_silent(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("training", total=1_000, clock=watch)
    work(progress, watch, 600, 60, 60)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) in range(8, 11)
    assert "min left" in lines[0] or "h left" in lines[0]


def test_what_is_soon_done_tells_nothing(
    watch: Watch, capsys: pytest.CaptureFixture[str], screen: Terminal
) -> None:
    work(Progress("scoring", total=100, unit="users", clock=watch), watch, 2, 100, 100)
    assert capsys.readouterr().err == ""
    assert screen.getvalue() == ""


def test_a_terminal_gets_a_bar_that_goes_away(watch: Watch, screen: Terminal) -> None:
    progress = Progress("scoring", total=100, unit="users", clock=watch)
    work(progress, watch, 20, 100, 100)
    drawn = screen.getvalue()
    assert "scoring [########............] 40 % (40 of 100 users), about 12 s left" in drawn
    assert "\n" not in drawn
    assert drawn.endswith("\r\x1b[K")
    assert all(len(bar) < 80 + len("\x1b[K") for bar in drawn.split("\r"))


def test_a_line_takes_the_place_of_the_bar(watch: Watch, screen: Terminal) -> None:
    progress = Progress("training", total=100, clock=watch)
    watch.now = 10
    progress(50)
    say("fitting the model")
    assert screen.getvalue().endswith("\r\x1b[Klikely_buyers: fitting the model\n")


def test_a_dumb_terminal_gets_lines(
    watch: Watch, screen: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    work(Progress("scoring", total=100, unit="users", clock=watch), watch, 60, 100, 100)
    assert "\r" not in screen.getvalue()
    assert "likely_buyers: scoring 10 %" in screen.getvalue()


def test_quiet_is_quiet(watch: Watch, screen: Terminal) -> None:
    set_volume(Volume.QUIET)
    say("nothing of this")
    work(Progress("scoring", total=100, unit="users", clock=watch), watch, 60, 100, 100)
    assert screen.getvalue() == ""


def test_nothing_to_do_is_done(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    watch.now = 10
    Progress("publishing", total=0, unit="rows", clock=watch)(0)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "words"), [(12.4, "12 s"), (180, "3 min"), (9_000, "2.5 h")])
def test_times_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
    assert terminal.volume() is Volume.USUAL
