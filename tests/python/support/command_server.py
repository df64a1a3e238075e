"""Runs commands in processes forked off from one that has everything imported and the project parsed.

A command of a user starts Python, imports dbt, DuckDB, scikit-learn and MLflow, and parses the project: ten seconds of
a processor before the first query. Here that is paid once. A command is otherwise the user's: its arguments, its
environment, its folder, a process of its own, which ends when the command does.

The server is a process of its own as well, for a process that was forked off from the tests would share what they
have open: DuckDB would take a database that a test holds for one that the command has open itself.
"""

import faulthandler
import fcntl
import gc
import importlib
import json
import os
import re
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support import dbt_faster

PROJECT = Path(__file__).resolve().parents[3]
# what the commands import sooner or later
IMPORTS = (
    *("dbt.cli.main", "dbt.adapters.duckdb", "dbt.task.build", "dbt.task.docs.generate"),
    *("likely_buyers.cli.commands", "likely_buyers.dbt.plugin", "likely_buyers.dbt.paths"),
    *("likely_buyers.dbt.jobs.backtest", "likely_buyers.dbt.jobs.compare"),
    *("likely_buyers.dbt.jobs.explain", "likely_buyers.dbt.jobs.promotion_log"),
    *("likely_buyers.dbt.jobs.score", "likely_buyers.dbt.jobs.train", "likely_buyers.demo_shop"),
    *("mlflow.tracking", "mlflow.store.tracking.sqlalchemy_store"),
    *("mlflow.store.model_registry.sqlalchemy_store", "alembic.command"),
    *("sklearn.ensemble", "sklearn.linear_model", "sklearn.pipeline", "sklearn.preprocessing"),
    *("skops.io", "shap", "scipy.optimize", "scipy.stats", "pandas", "pyarrow.dataset"),
)
# and those of a cluster, too
IMPORTS_ON_SPARK = (
    *("dbt.adapters.spark", "pyspark.sql", "pyspark.sql.connect.session"),
    *("likely_buyers.dbt.on_spark.adapter", "likely_buyers.dbt.on_spark.functions"),
)
_VAR = re.compile(r"\bvar\(['\"](\w+)")
_PATCHED = ("read_manifest_for_partial_parse", "write_manifest_for_partial_parse")
_ANOTHER = "read with other variables"


class CommandServer:
    """The server's side: accepts one command a connection, and forks for it.

    target: of profiles.yml, where it is not the default.
    """

    def __init__(self, cache: Path, project: Path, target: str | None) -> None:
        for name in (*IMPORTS, *(IMPORTS_ON_SPARK if target == "spark" else ())):
            importlib.import_module(name)
        dbt_faster.write_json_in_one_go()
        dbt_faster.know_the_source_of_flags(target or "duckdb")
        dbt_faster.read_dates_with_one_parser()
        self._look_for_secrets_again = dbt_faster.look_for_secrets_once()
        dbt_faster.keep_compiled_templates(cache)
        self._parsed = Parsed(cache, project, target)
        gc.collect()
        # what stays for good need not be copied when a child's collector looks at it
        gc.freeze()

    def serve(self, listener: socket.socket) -> None:
        """Until the tests end, and with them this process's standard input."""
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            # children that have ended: their times are then this process's, as a shell's `time` counts them
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                self._answer(connection)
            connection.close()

    def _answer(self, connection: socket.socket) -> None:
        """Never returns: the process ends with the command."""
        wanted = json.loads(connection.makefile().readline())
        connection.sendall(f"{os.getpid()}\n".encode())
        code = 70
        try:
            self._become(wanted)
            exec(wanted["first"], {"parsed_project": self._parsed.manifest})  # noqa: S102
            code = _called(wanted["command"])
        finally:
            _close_databases()
            sys.stdout.flush()
            sys.stderr.flush()
            with suppress(OSError):
                connection.sendall(f"{code}\n".encode())
            os._exit(code)

    def _become(self, wanted: Mapping[str, Any]) -> None:
        output = os.open(wanted["output"], os.O_WRONLY | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for here, there in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(here, there)
        sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False)
        # asked by who has waited too long: where it hangs
        faulthandler.register(signal.SIGUSR1, file=sys.stderr)
        os.environ.clear()
        os.environ.update(wanted["environment"])
        self._look_for_secrets_again()
        os.chdir(wanted["folder"])
        tempfile.tempdir = None
        sys.argv = list(wanted["command"])
        self._parsed.use()


class Parsed:
    """The project as parsed without variables, which dbt's partial parsing brings up to the variables of a command."""

    def __init__(self, cache: Path, project: Path, target: str | None) -> None:
        self._project, self._target = project, target
        self._options = (
            *("--project-dir", str(project), "--profiles-dir", str(project)),
            *("--target-path", str(cache / "target"), "--log-path", str(cache / "logs")),
            *(("--target", target) if target else ()),
        )
        self._forget_what_changed(cache)
        self.manifest = self._parse()
        self._rehearse()
        self.manifest = self._parse()
        self._readers = list(_readers_of_variables(self.manifest))
        self._brought = False

    @staticmethod
    def _forget_what_changed(cache: Path) -> None:
        """Parse all anew once a file of the project has changed.

        dbt takes the entries of a YAML file for given twice when it brings them up to a changed macro, and then to
        variables.
        """
        patterns = (
            "macros/**/*.sql",
            "models/**/*.[!p]*",
            "models/**/*.py",
            "seeds/*",
            "tests/**/*.sql",
        )
        files = [PROJECT / "dbt_project.yml", *(file for p in patterns for file in PROJECT.glob(p))]
        states = [
            f"{file} {file.stat().st_mtime_ns} {file.stat().st_size}" for file in sorted(files)
        ]
        known = cache / "files.txt"
        if not known.exists() or known.read_text() != "\n".join(states):
            (cache / "target" / "partial_parse.msgpack").unlink(missing_ok=True)
            known.write_text("\n".join(states))

    def _parse(self, *options: str) -> Any:
        from dbt.cli.main import dbtRunner

        # the static parser's threads would not be there in a process that is forked off, which would wait for them
        quiet = ("--quiet", "--no-static-parser")
        parsed = dbtRunner().invoke([*quiet, "parse", *self._options, *options])
        if not parsed.success:
            raise RuntimeError("the project cannot be parsed") from parsed.exception
        return parsed.result

    def _rehearse(self) -> None:
        """Bring it up to other variables once: dbt makes a checker for each kind of entry when it meets the first."""
        from dbt.parser.manifest import ManifestLoader

        before = {name: vars(ManifestLoader)[name] for name in _PATCHED}
        self._readers = list(_readers_of_variables(self.manifest))
        self._brought = False
        self.use()
        self._parse("--vars", "{horizon_days: 1, events_relation: ref('event_types')}")
        for name, function in before.items():
            setattr(ManifestLoader, name, function)

    def use(self) -> None:
        """Give it to dbt in place of the file that an earlier command would have left."""
        from dbt.parser.manifest import ManifestLoader

        read = ManifestLoader.read_manifest_for_partial_parse
        write = ManifestLoader.write_manifest_for_partial_parse

        def brought_up_or_read(loader: Any) -> Any:
            manifest = self._brought_up(loader)
            if manifest is None:
                ManifestLoader.write_manifest_for_partial_parse = write
                return read(loader)
            return manifest

        ManifestLoader.read_manifest_for_partial_parse = brought_up_or_read
        # the next command is given this one again
        ManifestLoader.write_manifest_for_partial_parse = lambda loader: None

    def _brought_up(self, loader: Any) -> Any:
        """The project with the files forgotten whose meaning the given variables change; None if it is another one."""
        from dbt.flags import get_flags
        from dbt_common.invocation import get_invocation_id

        config, manifest = loader.root_project, self.manifest
        own = (
            Path(config.project_root) == self._project
            and get_flags().PARTIAL_PARSE
            and getattr(config.args, "target", None) == self._target
            and not getattr(config.args, "profile", None)
            and not os.environ.get("LIKELY_BUYERS_READERS")
            and loader.manifest.state_check.project_hashes == manifest.state_check.project_hashes
        )
        if not own:
            return None
        same = loader.manifest.state_check.vars_hash == manifest.state_check.vars_hash
        if self._brought and not same:
            # a command may ask dbt more than once; it can be brought up to other variables but once
            return None
        if not self._brought:
            self._brought = self._forget_what_reads(config.cli_vars.keys())
        manifest.state_check = loader.manifest.state_check
        manifest.metadata.generated_at = datetime.now(UTC).replace(tzinfo=None)
        manifest.metadata.invocation_id = get_invocation_id()
        return manifest

    def _forget_what_reads(self, variables: Set[str]) -> bool:
        """Whether there is anything that reads one of the variables."""
        found = False
        for file_id, names, entry in self._readers:
            if names & variables:
                found = True
                file = self.manifest.files[file_id]
                file.checksum.checksum = _ANOTHER
                # else dbt does not look into it
                file.path.modification_time = 0.0
                # of a YAML file, dbt reads the entries anew that differ
                entry["description"] = _ANOTHER
        return found


def _readers_of_variables(manifest: Any) -> Iterator[tuple[str, set[str], dict[str, Any]]]:
    """What dbt takes otherwise, while it parses, when a variable changes: (file, variables, entry of a YAML file).

    A model's SQL is not among it: it is rendered anew by each command.
    """
    for file_id, file in manifest.files.items():
        for entries in (getattr(file, "dict_from_yaml", None) or {}).values():
            for entry in entries if isinstance(entries, list) else ():
                names = set(_VAR.findall(str(entry)))
                if names:
                    yield file_id, names, entry
    # but for the model that this names, which it then depends on
    yield "likely_buyers://models/bronze/raw_events.sql", {"events_relation"}, {}


def _called(command: Iterable[str]) -> int:
    """The exit code of a console script's function, called as the script does."""
    from dbt.cli.main import cli

    from likely_buyers.cli import main

    name, *_ = command
    try:
        code: Any = {"dbt": cli, "likely-buyers": main, "python": _run_code}[name]()
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
        return 1
    return int(code or 0)


def _run_code() -> None:
    """As `python -c CODE …`."""
    sys.argv = sys.argv[1:]
    code = sys.argv.pop(1)
    exec(code, {"__name__": "__main__"})  # noqa: S102


def _close_databases() -> None:
    """As an interpreter that ends does."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    with suppress(Exception):
        DuckDBConnectionManager.close_all_connections()
    gc.collect()


def main() -> None:
    """`python -m support.command_server SOCKET CACHE PROJECT [TARGET]`; the socket appears once commands may come."""
    path, cache, project, *target = sys.argv[1:]
    # only one at a time parses into the cache
    with (Path(cache) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = CommandServer(Path(cache), Path(project), target[0] if target else None)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{path}.bound")
    listener.listen(16)
    Path(f"{path}.bound").rename(path)
    server.serve(listener)


if __name__ == "__main__":
    main()
