"""What is served now, and the thread that looks for something newer."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.outcomes import Outcome
from likely_buyers.registry import Registry, RegistryError
from likely_buyers.serving.champions import Champions, load_stage
from likely_buyers.serving.errors import ServingError
from likely_buyers.serving.live_scores import LiveState
from likely_buyers.serving.store import ServingCopy, mark_of
from likely_buyers.terminal import say


@dataclass(frozen=True)
class Now:
    """What one request is answered from, from its beginning to its end.

    `problems` say what is not as it should be, by what it is about.
    """

    champions: Champions | None = None
    copy: ServingCopy | None = None
    live: LiveState | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


class Serving:
    """A stage of an installation. `now` is replaced whole: who took it goes on with it."""

    def __init__(
        self,
        stage: str,
        registries: Sequence[tuple[Outcome, Registry]],
        copy_file: Path,
        renew_copy: Callable[[ServingCopy | None], None] | None = None,
    ) -> None:
        """renew_copy: writes the copy where a newer build is there, given the one that is served."""
        self.stage = stage
        self.now = Now()
        self._registries = registries
        self._file = copy_file
        self._renew_copy = renew_copy
        self._one_at_a_time = threading.Lock()
        self._stopped = threading.Event()

    def refresh(self) -> None:
        """Take over newer models, then a newer copy. What cannot be taken over is told, and what is there goes on."""
        with self._one_at_a_time:
            found = self._with_models(self.now)
            found = self._with_copy(found)
            if found != self.now:
                self._tell(found)
                self.now = found

    def watch(self, seconds: float) -> threading.Thread:
        """Refresh every so many seconds until `stop`, in a thread that is returned."""

        def work() -> None:
            while not self._stopped.wait(seconds):
                self.refresh()

        thread = threading.Thread(target=work, name="newer-models", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End the watching."""
        self._stopped.set()

    def _with_models(self, now: Now) -> Now:
        try:
            loaded = load_stage(self._registries, self.stage, now.champions)
        except RegistryError as error:
            return replace(now, problems=_put(now.problems, "registry", str(error)))
        problems = {key: told for key, told in now.problems.items() if key in ("copy", "live")}
        problems |= {f"outcome {name}": told for name, told in loaded.problems.items()}
        if now.champions and loaded.champions == now.champions:
            return replace(now, problems=problems)
        return replace(now, champions=loaded.champions, problems=problems)

    def _with_copy(self, now: Now) -> Now:
        copy, problems = now.copy, now.problems
        try:
            if self._renew_copy:
                self._renew_copy(copy)
            if copy is None or mark_of(self._file) not in (None, copy.mark):
                copy = ServingCopy(self._file)
            problems = _put(problems, "copy", None)
        except (LikelyBuyersError, OSError, duckdb.Error) as error:
            problems = _put(problems, "copy", str(error))
        live = now.live
        if (
            copy
            and now.champions
            and not (live and live.copy is copy and live.champions is now.champions)
        ):
            try:
                live = LiveState(now.champions, copy)
                problems = _put(problems, "live", None)
            except ServingError as error:
                live, problems = None, _put(problems, "live", str(error))
        return replace(now, copy=copy, live=live, problems=problems)

    def _tell(self, found: Now) -> None:
        if found.champions and found.champions is not self.now.champions:
            versions = [one.scorer.model.label for one in found.champions.served]
            say(f"serving {', '.join(versions)} as {self.stage}.")
        if found.copy and found.copy is not self.now.copy:
            say(f"serving scores as of {found.copy.as_of}, of build {found.copy.build_id}.")
        for what, told in found.problems.items():
            if self.now.problems.get(what) != told:
                say(f"{what}: {told}")


def _put(problems: Mapping[str, str], what: str, told: str | None) -> dict[str, str]:
    others = {key: said for key, said in problems.items() if key != what}
    return others if told is None else {**others, what: told}
