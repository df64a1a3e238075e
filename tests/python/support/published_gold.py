"""What the tests of publishing share: small builds of gold, servers to publish to, and what a reader finds there."""

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import duckdb
import psycopg
import pyarrow.dataset as ds
import pyarrow.fs
import pytest
from deltalake import DeltaTable

from likely_buyers.dbt.runs import end_run
from likely_buyers.lake import connect
from likely_buyers.publishing import publish
from likely_buyers.settings import Lake
from likely_buyers.sql_text import literal

FIRST_DAY = date(2020, 1, 1)
MODEL = "o'brien shop"  # a name that has to be quoted
COMMENTS = {"user_id": "The user; it's a text.", "probability": "Chance, from 0 to 1."}
# of so few rows more threads are only started and ended
ONE_THREAD = {"threads": 1}
KEY = "model_name, model_version, as_of_date"
SETTINGS = {"duckdb": "gold.duckdb", "parquet": "parquet", "delta": "delta", "delta_keep_days": 30}
TABLES = {
    "predictions": "table",
    "prediction_history": "incremental",
    "top_buyers": "table",
    "model_performance": "incremental",
}


@dataclass
class Shop:
    """A folder with a warehouse whose gold is made by `build`, which passes."""

    folder: Path

    @property
    def lake(self) -> Lake:
        return Lake.in_folder(self.folder)

    @property
    def published(self) -> Path:
        return self.folder / "published"

    def build(
        self,
        run: int,
        users: int = 200,
        day: int | None = None,
        then: str = "",
        **others: tuple[str, str] | None,
    ) -> "Shop":
        """Gold of run number `run`: in every row's run_id, and in every probability; then what SQL says.

        others: as of `end_build`.
        """
        as_of = FIRST_DAY + timedelta(days=run if day is None else day)
        name = MODEL.replace("'", "''")
        comments = "".join(
            f"comment on {what} is {literal(text)};"
            for table in TABLES
            for what, text in (
                (f"table gold.{table}", f"One row per thing in {table};\nit's documented."),
                *(
                    (f"column gold.{table}.{c}", COMMENTS[c])
                    for c in COMMENTS
                    if table != "model_performance"
                ),
            )
        )
        with connect(self.lake, config=ONE_THREAD) as warehouse:
            warehouse.execute(
                f"""
                begin;
                create schema if not exists bronze;
                create schema if not exists silver;
                create schema if not exists gold;
                create table if not exists bronze.builds
                (invocation_id varchar, snapshot_id bigint, tables varchar, problem varchar);
                insert into bronze.builds (invocation_id) values ('build-{run}');
                create or replace table silver.user_features as
                select 'user ' || range as user_id, date '{as_of}' as as_of_date,
                    cast(range % 7 as double) as purchases, cast(null as double) as mean_gap
                from range({users});
                create or replace table gold.predictions as
                select user_id, 'shop' as outcome, as_of_date, 30 as horizon_days,
                    {run} / 1000 + row_number() over (order by user_id) / 1e9 as probability,
                    '{name}' as model_name, 3 as model_version, 'abc' as model_digest,
                    timestamp '2020-01-01 10:00:00' + interval {run} minute as scored_at,
                    'run-{run}' as run_id
                from silver.user_features;
                create table if not exists gold.prediction_history as
                select * from gold.predictions limit 0;
                insert into gold.prediction_history
                select * from gold.predictions anti join gold.prediction_history
                    using (user_id, model_name, model_version, as_of_date);
                create or replace table gold.top_buyers as
                select user_id, as_of_date, probability, model_name, model_version,
                    cast(12.5 as decimal(18, 2)) as expected_revenue,
                    case when user_id like '%1' then '' when user_id like '%2' then null
                        else 'toys, "wood"' || chr(10) || 'é' end as favourite_category
                from gold.predictions order by probability desc limit {users} // 10;
                create or replace table gold.model_performance as
                select as_of_date, model_name, model_version,
                    cast('12345678901234567890123456789012345678' as decimal(38, 0)) as digest
                from (select distinct {KEY} from gold.prediction_history);
                {comments}
                {then};
                commit;
                """
            )
            end_build(warehouse, f"build-{run}", **others)
        return self

    def publish(self, **settings: Any) -> list[Any]:
        told: list[Any] = []
        publish(self.lake, {**SETTINGS, **settings}, self.published, told.append)
        return told


def end_build(
    warehouse: duckdb.DuckDBPyConnection, build_id: str, **others: tuple[str, str] | None
) -> None:
    """Have the lake know how a build ended; `others`: what else than a pass became of a node, and why.

    None: it had no part in the build.
    """
    models = {f"model.shop.{name}": (name, kind) for name, kind in TABLES.items()}
    tests = [f"test.shop.not_null_{name}.0123456789" for name in TABLES]
    results = {node: ("pass", "") for node in [*models, *tests]}
    results |= {
        node: others[node.split(".")[2]] for node in results if node.split(".")[2] in others
    }
    request = {
        "invocation_id": build_id,
        "results": [(node, *result) for node, result in results.items() if result],
        "gold": models,
        "tests": tests,
        "selected": [*models],
        "oldest": "2000-01-01T00:00:00+00:00",
    }
    # a build of a shop that is made up has no metrics
    end_run(warehouse, request | {"command": "run"}, print)


# --- readers, each with its own client ----------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What a reader finds: the run of the manifest (None without one), and (run_id, rows) of each set of scores."""

    manifest: str | None
    predictions: tuple[tuple[str, int], ...]
    top_buyers: int


def read_duckdb(path: Path) -> Seen:
    # attached to a database of its own: DuckDB shares one of the same path within a process
    with duckdb.connect(config=ONE_THREAD) as connection:
        connection.execute(f"attach '{path}' as published (read_only)")
        ((manifest,),) = connection.sql(
            "select distinct run_id from published.publication"
        ).fetchall()
        rows = connection.sql(
            "select run_id, count(*) from published.predictions group by 1 order by 1"
        ).fetchall()
        ((top,),) = connection.sql(
            "select count(*) from published.top_buyers join published.predictions"
            " using (user_id, as_of_date, probability)"
        ).fetchall()
    return Seen(manifest, tuple(rows), top)


def read_parquet(folder: str, filesystem: pyarrow.fs.FileSystem | None = None) -> Seen:
    """The newest day of the log; the manifest is not looked at."""
    dataset = ds.dataset(f"{folder}/predictions", partitioning="hive", filesystem=filesystem)
    newest = max(fragment.path for fragment in dataset.get_fragments())
    rows = ds.dataset(newest, filesystem=filesystem).to_table(["run_id"])
    counts = rows.group_by("run_id").aggregate([("run_id", "count")]).to_pylist()
    return Seen(None, tuple((row["run_id"], row["run_id_count"]) for row in counts), 0)


def read_delta(folder: str, options: dict[str, str] | None = None) -> Seen:
    rows = DeltaTable(f"{folder}/predictions", storage_options=options).to_pyarrow_table(
        columns=["run_id"]
    )
    counts = rows.group_by("run_id").aggregate([("run_id", "count")]).to_pylist()
    return Seen(None, tuple((row["run_id"], row["run_id_count"]) for row in counts), 0)


def read_postgres(address: str) -> Seen:
    with psycopg.connect(address) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        manifests = connection.execute("select distinct run_id from gold.publication").fetchall()
        rows = connection.execute(
            "select run_id, count(*) from gold.predictions group by 1 order by 1"
        ).fetchall()
        top = connection.execute(
            "select count(*) from gold.top_buyers join gold.predictions"
            " using (user_id, as_of_date, probability)"
        ).fetchone()
    assert len(manifests) == 1
    assert top is not None
    return Seen(manifests[0][0], tuple(rows), top[0])


# --- servers on loopback ------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


PASSWORD = "a secret: x/y@z"  # noqa: S105 (of a server that lives as long as a test)


class Postgres:
    """A PostgreSQL server with a data folder of its own. It does not run as root."""

    def __init__(self, folder: Path, programs: Path, user: str | None):
        self._folder, self._programs, self._user = folder, programs, user
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        password = folder / "password"
        password.write_text(PASSWORD)
        if user:
            shutil.chown(folder, user)
        subprocess.run(
            [
                *(programs / "initdb", "-D", folder / "data", "-U", "owner"),
                *("--pwfile", password, "-A", "scram-sha-256"),
                *("-E", "UTF8", "--no-locale", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            user=user,
            cwd=folder,
            timeout=60,
        )

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "300",
        }
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", self._folder / "data", "-p", str(self.port)]
            + [word for name, value in settings.items() for word in ("-c", f"{name}={value}")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user,
            cwd=self._folder,
        )
        for _ in range(200):
            try:
                psycopg.connect(self.address()).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("PostgreSQL did not start")

    def stop(self) -> None:
        """As an administrator restarts it: connections are ended, transactions are rolled back."""
        if self._process:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def environment(self) -> dict[str, str]:
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGDATABASE": "postgres",
            "PGUSER": "owner",
            "PGPASSWORD": PASSWORD,
        }

    def address(self) -> str:
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=self.port, dbname="postgres", user="owner", password=PASSWORD
        )

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.address()) as connection:
            return connection.execute(text).fetchall()


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs a PostgreSQL server to publish to: apt-get install postgresql")
    # not in pytest's folder, which only its owner may enter
    with tempfile.TemporaryDirectory(prefix="likely_buyers_postgres_") as folder:
        user = "postgres" if os.geteuid() == 0 else None
        server = Postgres(Path(folder), found[-1].parent, user)
        server.start()
        try:
            yield server
        finally:
            server.stop()


class S3:
    """An S3 server of moto; every `refuse_each`-th request is refused as a busy S3 does."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self.refuse_each = 0
        self.requests = self.refused = 0
        self._counting = threading.Lock()
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.endpoint = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _answer(self, environment: Any, start_response: Any) -> Any:
        with self._counting:
            self.requests += 1
            refused = self.refuse_each and self.requests % self.refuse_each == 0
            self.refused += bool(refused)
        if refused:
            # the body is read, or the client sees a broken connection instead of the refusal
            environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
            start_response("503 Slow Down", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"]
        return self._app(environment, start_response)

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing-secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
        }

    def filesystem(self) -> pyarrow.fs.S3FileSystem:
        return pyarrow.fs.S3FileSystem(
            access_key="testing",
            secret_key="testing-secret",  # noqa: S106
            region="us-east-1",
            endpoint_override=self.endpoint,
            allow_bucket_creation=True,
        )

    def stop(self) -> None:
        self._server.shutdown()


@contextmanager
def s3_server() -> Iterator[S3]:
    from moto.backends import get_backend

    server = S3()
    try:
        # moto keeps what earlier servers of the process were given
        get_backend("s3").reset()
        server.filesystem().create_dir("shop")
        yield server
    finally:
        server.stop()


def speak_to(server: "Postgres | S3", monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the environment name the server and who we are to it."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)


# --- processes ------------------------------------------------------------------------------

HERE = Path(__file__).resolve().parents[1]


def python(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A process that runs a script that may import `support`."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def poll(published: str, postgres: str, threads: int) -> None:
    """Read every destination once, and again for each line of stdin; print how often, what was seen and what was wrong.

    A script of a reading process: 50 of them would need more memory than a machine of CI has.
    """
    readers: dict[str, Callable[[], Seen]] = {
        "duckdb": lambda: read_duckdb(Path(published, "gold.duckdb")),
        "parquet": lambda: read_parquet(f"{published}/parquet"),
        "delta": lambda: read_delta(f"{published}/delta"),
    }
    if postgres:
        readers["postgres"] = lambda: read_postgres(postgres)
    reads = dict.fromkeys(readers, 0)
    runs: dict[str, set[str]] = {name: set() for name in readers}
    wrong: list[str] = []

    def read(name: str, turns: SimpleQueue[bool]) -> None:
        while turns.get():
            try:
                seen = readers[name]()
            except Exception as error:
                wrong.append(f"{name}: {type(error).__name__}: {error}")
                return
            run = seen.predictions[0][0] if seen.predictions else ""
            if (
                seen.predictions != ((run, 200),)
                or seen.manifest not in (None, run)
                or seen.top_buyers not in (0 if seen.manifest is None else 20,)
            ):
                wrong.append(f"{name}: {seen}")
                return
            reads[name] += 1
            runs[name].add(run)

    names = [name for _, name in zip(range(threads), itertools.cycle(readers), strict=False)]
    queues: list[SimpleQueue[bool]] = [SimpleQueue() for _ in names]
    working = [
        threading.Thread(target=read, args=(name, turns))
        for name, turns in zip(names, queues, strict=True)
    ]
    for thread in working:
        thread.start()
    print("reading", flush=True)
    for again in itertools.chain([True], (True for _ in sys.stdin), [False]):
        for turns in queues:
            turns.put(again)
    for thread in working:
        thread.join()
    print(json.dumps([reads, {name: sorted(found) for name, found in runs.items()}, wrong]))
