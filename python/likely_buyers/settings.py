"""What the environment says, read once: where the state lies, and what a run may use.

profiles.yml reads the same variables with the same defaults, since dbt renders it before any code of ours runs;
a test compares the two.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from likely_buyers.errors import LikelyBuyersError, nearest

_OURS = "LIKELY_BUYERS_"
STATE = "LIKELY_BUYERS_STATE"
MEMORY_LIMIT = "LIKELY_BUYERS_MEMORY_LIMIT"
CATALOG = "LIKELY_BUYERS_CATALOG"
DATA = "LIKELY_BUYERS_DATA"
KEY_FILE = "LIKELY_BUYERS_KEY_FILE"
LOCK_ATTEMPTS = "LIKELY_BUYERS_LOCK_ATTEMPTS"
USER = "LIKELY_BUYERS_USER"
METRICS_FILE = "LIKELY_BUYERS_METRICS_FILE"
DOGSTATSD = "LIKELY_BUYERS_DOGSTATSD"
WEBHOOK = "LIKELY_BUYERS_WEBHOOK"
REGISTRY = "MLFLOW_TRACKING_URI"
# with those that others read: dbt's grants, clients without the registry
_NAMES = (
    *(
        STATE,
        MEMORY_LIMIT,
        CATALOG,
        DATA,
        KEY_FILE,
        LOCK_ATTEMPTS,
        USER,
        METRICS_FILE,
        DOGSTATSD,
        WEBHOOK,
    ),
    *("LIKELY_BUYERS_READERS", "LIKELY_BUYERS_FINGERPRINTS"),
)

CATALOG_FILE = "catalog.ducklake"
DATA_FOLDER = "data"
# what dbt writes: its artifacts, and its log
ARTIFACTS = "target"
LOGS = "logs"


# as a word of a connection string, or between user and host of an address
_PASSWORD = re.compile(r"password\s*=|//[^/@]*:[^/@]*@", re.IGNORECASE)


class BadSetting(LikelyBuyersError):
    """An environment variable has a value that cannot be meant."""


@dataclass(frozen=True)
class Lake:
    """Where the lake is.

    Attributes:
        catalog: the path of a file, or `postgres:` and a connection string.
        data: a folder, or s3://bucket/prefix.
        state: the state folder, where what does not fit into memory is put.
        snapshot: the version of all tables and views that is read; None is the latest.
    """

    catalog: str
    data: str
    state: Path
    snapshot: int | None = None

    @classmethod
    def of(cls, catalog: str, data: str, state: Path, project: Path) -> "Lake":
        """Where both are, relative paths relative to the project.

        Raises:
            BadSetting: the connection string has a password, which every message that names the catalog would show.
        """
        if catalog.startswith("postgres:") and _PASSWORD.search(catalog):
            raise BadSetting(
                f"{CATALOG} (of the profile: the path in attach) has a password in its connection string. Leave it out,"
                " and set PGPASSWORD or PGPASSFILE."
            )
        return cls(
            catalog if catalog.startswith("postgres:") else str(project / catalog),
            data if "://" in data else str(project / data),
            state,
        )

    @classmethod
    def in_folder(cls, state: Path) -> "Lake":
        """Both in a state folder."""
        return cls(str(state / CATALOG_FILE), str(state / DATA_FOLDER), state)

    @property
    def file(self) -> Path | None:
        """The catalog's file; None is a server."""
        return None if self.catalog.startswith("postgres:") else Path(self.catalog)


@dataclass(frozen=True)
class Settings:
    """One installation: a state folder, and the limits of a run.

    Attributes:
        state: the folder of everything that a checkout writes.
        lake: where the tables are.
        key_file: whose key encrypts the lake; None leaves it plain.
        memory_limit: what DuckDB may use before it spills, in DuckDB's notation.
        registry_uri: MLflow's address, with the whole path of a SQLite file; None is the file in the state folder.
        user: who promotes; None is the user of the system.
        metrics_file: where each build writes its metrics for Prometheus; None is nowhere.
        dogstatsd: host:port of the agent that each build sends them to; None is nobody.
        webhook: address of a chat, which is a secret; None is none.
    """

    state: Path
    lake: Lake
    key_file: Path | None = None
    memory_limit: str = "4GB"
    lock_attempts_text: str = "5"
    registry_uri: str | None = None
    user: str | None = None
    metrics_file: Path | None = None
    dogstatsd: str | None = None
    webhook: str | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls, project: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> "Settings":
        """The settings of a project in the current environment.

        A relative path of the environment is relative to `project`, from wherever a command is called. None is the
        current folder, where dbt has the models of a project run.

        Raises:
            BadSetting: a name is misspelt, memory is given as no size, or the catalog with a password.
        """
        given = os.environ if environment is None else environment
        _check_names(given)
        project = project or Path.cwd()
        state = project / (given.get(STATE) or "warehouse")
        lake = Lake.of(
            given.get(CATALOG) or str(state / CATALOG_FILE),
            given.get(DATA) or str(state / DATA_FOLDER),
            state,
            project,
        )
        return cls(
            state=state,
            lake=lake,
            key_file=project / given[KEY_FILE] if given.get(KEY_FILE) else None,
            memory_limit=_size(given.get(MEMORY_LIMIT, cls.memory_limit)),
            lock_attempts_text=given.get(LOCK_ATTEMPTS, cls.lock_attempts_text),
            registry_uri=_registry(given.get(REGISTRY) or None, project),
            user=given.get(USER) or None,
            metrics_file=project / given[METRICS_FILE] if given.get(METRICS_FILE) else None,
            dogstatsd=given.get(DOGSTATSD) or None,
            webhook=given.get(WEBHOOK) or None,
        )

    @property
    def spill(self) -> Path:
        """Where DuckDB puts what does not fit into memory."""
        return self.state / "spill"

    @property
    def demo_shop(self) -> Path:
        """Where the demo's events lie, which are read where vars.events_path names no others."""
        return self.state / "demo_shop"

    def lock_attempts(self, value: object = None) -> int:
        """How often to try to open a database that another process holds, a second apart.

        value: as the profile has it; None is the setting itself.

        Raises:
            BadSetting: it is no whole number of at least 1.
        """
        given = self.lock_attempts_text if value is None else value
        if not re.fullmatch(r"[0-9]{1,9}", str(given)) or int(str(given)) < 1:
            raise BadSetting(
                f"{LOCK_ATTEMPTS} (retries.connect_attempts in profiles.yml) must be a whole number of at"
                f" least 1: how often to try to open the database, a second apart. Found:"
                f" {os.environ.get(LOCK_ATTEMPTS, str(given))}."
            )
        return int(str(given))


def _registry(uri: str | None, project: Path) -> str | None:
    """With a file's whole path: executors of Spark work in folders of their own."""
    file = (uri or "").removeprefix("sqlite:///")
    return uri if not file or file in (uri, ":memory:") else f"sqlite:///{project / file}"


def _size(given: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)? *[kmgt](i?b)?", given, re.IGNORECASE):
        raise BadSetting(
            f"{MEMORY_LIMIT} must be a size with its unit, such as 4GB. Found: {given}."
        )
    return given


def _check_names(given: Mapping[str, str]) -> None:
    """Nobody reads a misspelt name, and a build would go to the usual place. Others may begin like ours."""
    words = [name.removeprefix(_OURS) for name in _NAMES]
    for name in sorted(given):
        word = name.removeprefix(_OURS)
        if word == name or word in words:
            continue
        if meant := nearest(word, words, 0.8):
            raise BadSetting(
                f"the environment has {name}, which nothing reads. Did you mean {_OURS}{meant}? Set that one, and unset"
                " the other."
            )
