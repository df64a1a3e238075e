"""A Spark cluster on this machine: a standalone master, workers and a Connect server, on loopback.

For `make spark-demo` and for tests. All of it comes with the Python package of PySpark, but for Delta Lake's jars.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from likely_buyers.spark.errors import SparkProblem

_SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
_SECONDS_TO_START = 180
_SECONDS_TO_STOP = 15
# What runs for minutes does not earn back what Java's second compiler takes. Without that compiler Java has 48 MB for
# compiled code, and a quarter of the driver's time went by in looking for some to throw away.
_QUICK = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC"


@dataclass(frozen=True)
class ClusterSettings:
    """What a cluster is made of."""

    folder: Path
    """Where tables, the metastore and logs lie."""
    jars: Path
    """The folder with Delta Lake's jars."""
    workers: int = 2
    """Of one core each; with 0 the Connect server computes by itself, on two."""
    worker_memory: str = "1g"
    driver_memory: str = "1500m"
    partitions: int = 2
    """Of a shuffle: as many as there are cores, for small tables."""
    is_short: bool = True
    """Whether it works for minutes. Who computes for longer gains by Java's second compiler."""
    has_event_log: bool = False
    """Whether Spark writes what its tasks did, one JSON a line, to `event_log` in the folder."""
    has_server: bool = True
    """Whether a Connect server takes all of the cluster; without one the cluster is there for whoever submits to it."""


@contextmanager
def local_cluster(settings: ClusterSettings) -> Iterator[dict[str, str]]:
    """Start a cluster and give what its clients have in their environment; stopped at the end, whatever happens.

    That is SPARK_MASTER, the master's address, and where there is a Connect server its address as SPARK_REMOTE.

    Raises:
        SparkProblem: Java, PySpark or the jars are not there, or a process does not come up.
    """
    spark_home = _spark_home()
    jars = sorted(settings.jars.glob("*.jar"))
    if not jars:
        raise SparkProblem(
            f"no jar of Delta Lake is in {settings.jars}. Fetch them once, by Maven: make spark-jars"
        )
    settings.folder.mkdir(parents=True, exist_ok=True)
    environment = _environment(spark_home, settings)
    with ExitStack() as stack:

        def start(name: str, program: str, *arguments: str) -> "_Process":
            command = [str(spark_home / "bin" / program), *arguments]
            process = _Process.start(name, command, settings.folder, environment)
            stack.callback(process.stop)
            return process

        addresses = {"SPARK_MASTER": "local[2]"}
        if settings.workers:
            addresses["SPARK_MASTER"] = _start_workers(settings, start)
        if settings.has_server:
            port = _free_port()
            configured = _configuration(settings, jars) | {
                "spark.connect.grpc.binding.port": str(port)
            }
            server = start(
                *("connect", "spark-submit", "--master", addresses["SPARK_MASTER"]),
                *("--name", "likely_buyers", "--class", _SERVER),
                *(
                    part
                    for key, value in configured.items()
                    for part in ("--conf", f"{key}={value}")
                ),
                "spark-internal",
            )
            server.wait_for(port)
            addresses["SPARK_REMOTE"] = f"sc://127.0.0.1:{port}"
        yield addresses


def _start_workers(settings: ClusterSettings, start: Callable[..., "_Process"]) -> str:
    """A standalone master and its workers; the master's address."""
    port = _free_port()
    master = f"spark://127.0.0.1:{port}"
    own = ("--host", "127.0.0.1", "--webui-port")
    started = start(
        *("master", "spark-class", "org.apache.spark.deploy.master.Master"),
        *(*own, str(_free_port()), "--port", str(port)),
    )
    started.wait_for(port)
    for number in range(1, settings.workers + 1):
        start(
            *(f"worker-{number}", "spark-class", "org.apache.spark.deploy.worker.Worker"),
            *(*own, str(_free_port()), "--cores", "1", "--memory", settings.worker_memory),
            *("--work-dir", str(settings.folder / "work"), master),
        )
    return master


def _configuration(settings: ClusterSettings, jars: Sequence[Path]) -> dict[str, str]:
    """Of the Connect server: docs/spark.md says what a real cluster needs of it."""
    metastore = settings.folder / "metastore"
    executor = _QUICK if settings.is_short else ""
    # what only plans is code of many kinds, each run a few times
    driver = _QUICK if settings.workers else executor
    event_log = settings.folder / "event_log"
    if settings.has_event_log:
        event_log.mkdir(exist_ok=True)
    return {
        "spark.jars": ",".join(str(jar) for jar in jars),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": str(settings.folder / "tables"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={metastore};create=true",
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={settings.folder} {driver}",
        "spark.executor.extraJavaOptions": executor,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": settings.worker_memory,
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.eventLog.enabled": str(settings.has_event_log).lower(),
        "spark.eventLog.dir": event_log.as_uri(),
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
        "spark.sql.shuffle.partitions": str(settings.partitions),
        # as many tasks as mapping and scoring, in Python, keep cores busy with
        "spark.sql.files.maxPartitionBytes": "32m",
        "spark.databricks.delta.snapshotPartitions": "2",
    }


@dataclass(frozen=True)
class _Process:
    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @classmethod
    def start(
        cls, name: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> "_Process":
        log = folder / f"{name}.log"
        with log.open("wb") as output:
            # a group of its own: the scripts start Java as a child
            process = subprocess.Popen(
                arguments,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
            )
        return cls(name, process, log)

    def wait_for(self, port: int) -> None:
        """Until something listens on the port.

        Raises:
            SparkProblem: the process has ended, or nothing listens after minutes.
        """
        deadline = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with socket.socket() as found:
                found.settimeout(1)
                if found.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.2)
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        raise SparkProblem(
            f"the {self.name} of the Spark cluster did not come up. The end of {self.log}:\n"
            + "\n".join(lines)
        )

    def stop(self) -> None:
        for sent in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sent)
                self.process.wait(_SECONDS_TO_STOP)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def _spark_home() -> Path:
    try:
        import pyspark
    except ModuleNotFoundError as error:
        raise SparkProblem(
            "PySpark is not in this Python environment. `make spark-demo` sets one up; or install"
            " python/requirements/spark.txt"
        ) from error
    home = Path(pyspark.__file__).parent
    if not (home / "bin" / "spark-class").exists():
        raise SparkProblem(
            "this Python environment has a client of Spark (pyspark-client), without Spark itself: install pyspark"
        )
    return home


def _environment(spark_home: Path, settings: ClusterSettings) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if key != "SPARK_REMOTE"}
    return environment | {
        "SPARK_HOME": str(spark_home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # of the Connect server, which takes it before spark.driver.memory
        "SPARK_DAEMON_MEMORY": settings.driver_memory,
        # the same interpreter and packages for the workers as here
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
