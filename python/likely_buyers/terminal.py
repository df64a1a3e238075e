"""Progress on a terminal, and silence where nobody watches."""

import sys
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def say(text: str) -> None:
    """One line of progress for who reads the console or the log of a job."""
    print(f"likely_buyers: {text}", file=sys.stderr, flush=True)


def progress_bar(label: str, *, total: int, unit: str) -> Callable[[int], None] | None:
    """A function to call with the number done so far, drawing a bar; None when stderr is no terminal."""
    if not sys.stderr.isatty():
        return None
    progress = Progress(
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = progress.add_task(label, total=total)
    progress.start()

    def advance(done: int) -> None:
        progress.update(task, completed=done)
        if done >= total:
            progress.stop()

    return advance
