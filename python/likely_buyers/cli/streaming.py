"""The stream: batch after batch, each loaded by the models of the build and then scored."""

import json
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb

from likely_buyers.cli.live_tables import LiveTables, TablesOfLake, TablesOfSpark
from likely_buyers.dbt.inputs import champions_digest
from likely_buyers.dbt.jobs.score import champions
from likely_buyers.dbt.live import FEATURES, NEXT
from likely_buyers.dbt.profile import TOLD_BY_DBT
from likely_buyers.dbt.project import PREDICTED, Project
from likely_buyers.errors import LikelyBuyersError, own_words, said_by
from likely_buyers.scoring import Scorer
from likely_buyers.sources.mapping import chosen_mapping
from likely_buyers.sources.reading import Reading
from likely_buyers.sources.waiting import left_for_later
from likely_buyers.streaming import EventFolder, Scored, StreamingError, StreamMetrics
from likely_buyers.terminal import say

# what the build makes of new lines, up to the days of users; the view of events has the columns of the lines
_MODELS = ("+raw_events", "left_out_lines", "events", "user_days")
_OF_ROWS = "mapped_rows"
_LOAD = "raw_events"
_LATER = "It is tried again later."


@dataclass(frozen=True)
class Pace:
    """The options of the command."""

    once: bool
    seconds: float
    settle: float
    retry: float


class Stream:
    """A project that is parsed once, and its batches. The lake is let go of between and within them."""

    def __init__(self, project: Project, pace: Pace, metrics: StreamMetrics) -> None:
        """Parse the project, and have dbt render what is needed of it.

        Raises:
            ProjectError: dbt cannot.
            StreamingError: the target is another engine, nothing was built in it yet, or it does not answer.
        """
        self._project = project
        self._pace = pace
        self._metrics = metrics
        told, features, events_path = project.rendered(
            NEXT.join([TOLD_BY_DBT, FEATURES, "{{ events_path() }}"])
        ).split(NEXT)
        given = project.var("as_of")
        as_of = date.fromisoformat(str(given).strip()) if given is not None else None
        self._tables = _tables(project, features, as_of, told)
        self._manifest = project.parsed()
        mappings, name = project.var("event_mappings"), project.var("event_mapping")
        maps_rows = chosen_mapping(mappings, name).rows or self._tables.maps_all
        self._models = (*_MODELS, *([_OF_ROWS] if maps_rows else []))
        # a relation, or files of a bucket: only a load can tell what is new there
        path = events_path.strip()
        self.folder: EventFolder | None = None
        if project.var("events_relation") is None and "://" not in path:
            self.folder = EventFolder(path, Reading.of(mappings[name], name), pace.retry, say)
            self.folder.known(self._tables.files(name))
        self._scorers: tuple[str, Sequence[Scorer]] = ("", ())
        # when a batch is due whether a file is ready or not, and whether the last one ended well
        self._due = 0.0
        self._is_done = False

    def batch(self) -> bool:
        """Load what is ready and score whom it is of; whether nothing waits, and the last batch has ended well.

        Where there is a folder to look at and nothing new in it, nothing is opened.
        """
        began = time.monotonic()
        ready = self.folder.look(began) if self.folder else []
        if self.folder:
            self.folder.tell_growing()
        if ready or began >= self._due:
            # until it has ended well
            self._due = began + self._pace.retry
            scored = self._loaded_and_scored(ready)
            seconds = time.monotonic() - began
            self._metrics.batch(scored, seconds)
            self._is_done = scored is not None
            if scored:
                self._due = float("inf") if self.folder else 0.0
            if scored and scored.users:
                say(
                    f"{scored.users:,} users with new events: {scored.scores:,} scores as of {scored.as_of}, in"
                    f" {seconds:.1f} s"
                )
            elif scored and self._pace.once:
                say("nobody has new events.")
        waiting = len(self.folder.left) if self.folder else 0
        is_well = self._is_done and not waiting
        self._metrics.looked(datetime.now(UTC), waiting, is_well)
        return is_well

    def _loaded_and_scored(self, ready: Sequence[str]) -> Scored | None:
        """What the batch scored; None where it failed, which is said."""
        try:
            return self._score() if self._loaded(ready) else None
        except (LikelyBuyersError, duckdb.Error, OSError) as error:
            say(f"not scored yet: {said_by(error)} {_LATER}")
            return None

    def _loaded(self, ready: Sequence[str]) -> bool:
        """Whether models are up to date with files that are ready; who of several is refused is found by halving."""
        folder = self.folder
        to_load = [list(ready)]
        while to_load:
            files = to_load.pop()
            others = {file for later in to_load for file in later}
            waiting = folder.waiting(time.monotonic()) | others if folder else others
            with left_for_later(waiting):
                failed = self._project.run_parsed(self._manifest, say, *self._models)
            if failed is None:
                if folder:
                    folder.taken(files)
                continue
            node, problem = failed
            if node != _LOAD or not files or not folder:
                say(f"not loaded: {_in_words(problem)} {_LATER}")
                return False
            half = len(files) // 2
            if half:
                to_load += [files[half:], files[:half]]
                continue
            folder.refused(files[0], _in_words(problem), time.monotonic())
            if not to_load:
                # what a stopped batch has loaded goes on all the same
                to_load.append([])
        return True

    def _score(self) -> Scored:
        return self._tables.score(self._champions)

    def _champions(self) -> Sequence[Scorer]:
        """Loaded again when others are promoted."""
        told = {name: self._project.var(name) for name in PREDICTED}
        digest = champions_digest(json.dumps(told))
        if not digest or digest != self._scorers[0]:
            self._scorers = (digest, champions(self._project.predicted()))
        return self._scorers[1]


def run_stream(project: Project, pace: Pace, metrics: StreamMetrics) -> int:
    """Batches until a signal ends it, after the one at hand; with `once` one. The exit status.

    Raises:
        ProjectError: dbt cannot read the project.
        StreamingError: as `Stream`, or the metrics cannot be served.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with metrics:
        if metrics.address:
            say(f"Prometheus is answered at {metrics.address}.")
        stream = Stream(project, pace, metrics)
        if project.var("events_relation") is not None:
            say("events_relation is asked by its cursor with each batch.")
        if stream.folder:
            if not pace.once:
                say(
                    f"looks for new files in {stream.folder.events_path} each {pace.seconds:g} s, until it is stopped."
                )
            # a file is ready when it stands as it stood before
            stream.folder.look(time.monotonic())
            stopped.wait(pace.settle)
        is_well = True
        while not stopped.is_set():
            is_well = stream.batch()
            if pace.once:
                break
            stopped.wait(pace.seconds)
    return 0 if is_well else 1


def _tables(project: Project, features: str, as_of: date | None, told: str) -> LiveTables:
    """Those of the target, which dbt has told by TOLD_BY_DBT."""
    target = told.strip("\n").split("\n")
    if target[0] == "spark":
        return TablesOfSpark(features, as_of)
    lake = project.lake_told(target, "the stream loads into and scores", StreamingError)
    return TablesOfLake(lake, features, as_of)


def _in_words(problem: str) -> str:
    """A refusal of ours without what dbt says before it, and without what holds of a build alone."""
    return (
        own_words(problem).replace(" Nothing was loaded.", "").replace(", then run dbt build.", ".")
    )
