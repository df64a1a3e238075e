"""What dbt makes anew in each of its processes, kept: for a command, compiling its macros is half of the work."""

import json
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
import parsedatetime
from dbt_common import behavior_flags
from dbt_common.clients import jinja, system
from dbt_common.events import functions
from dbt_common.exceptions import base
from jinja2.bccache import FileSystemBytecodeCache


class WholeText:
    """JSON written in one go: in pieces, as dbt has it, the manifest takes a third of a second each time."""

    load, loads, dumps = json.load, json.loads, json.dumps

    @staticmethod
    def dump(value: Any, file: Any, **options: Any) -> None:
        """As json.dump."""
        file.write(json.dumps(value, **options))


def write_json_in_one_go() -> None:
    """Have dbt's artifacts written so."""
    system.json = WholeText  # type: ignore[attr-defined]


def look_for_secrets_once() -> Callable[[], None]:
    """Have dbt look through the environment once, not for each event; who changes it calls what this returns."""
    once = cache(base.env_secrets)
    for module in (base, functions):
        module.env_secrets = once  # type: ignore[attr-defined]
    return once.cache_clear


def know_the_source_of_flags(adapter: str) -> None:
    """Have dbt not look through the stack, and for each frame through all modules, for who defines a flag."""
    behavior_flags.BehaviorFlagRendered._default_source = staticmethod(  # type: ignore[method-assign]
        lambda: f"dbt.adapters.{adapter}.impl"
    )


def read_dates_with_one_parser() -> None:
    """Have dbt make the parser of dates in words once, not for each result of a query."""
    parsedatetime.Constants = cache(parsedatetime.Constants)


def keep_compiled_templates(folder: Path) -> None:
    """Have dbt take Jinja's code for a text from a folder, where a process before has put it.

    A text is compiled to the same code by the same versions of Jinja and dbt: the folder carries theirs.
    """
    from dbt.version import __version__

    kept = folder / f"jinja-{jinja2.__version__}-dbt-{__version__}"
    kept.mkdir(parents=True, exist_ok=True)
    stored = FileSystemBytecodeCache(str(kept))
    in_memory: dict[str, CodeType] = {}
    compiled_by_jinja = jinja.MacroFuzzEnvironment.compile

    def compiled(self: Any, source: Any, *arguments: Any, **options: Any) -> Any:
        if arguments or options or not isinstance(source, str):
            return compiled_by_jinja(self, source, *arguments, **options)
        key = sha256(f"{type(self).__qualname__}\n{source}".encode()).hexdigest()
        if key not in in_memory:
            bucket = stored.get_bucket(self, key, None, source)
            if bucket.code is None:
                bucket.code = compiled_by_jinja(self, source)
                stored.set_bucket(bucket)
            in_memory[key] = bucket.code
        return in_memory[key]

    jinja.MacroFuzzEnvironment.compile = compiled  # type: ignore[method-assign]
