"""The registry: what is stored is what is loaded, forgeries are refused, the promotion log knows all."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import skops.io
from mlflow.models import Model
from mlflow.tracking import MlflowClient
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from likely_buyers import registry as room
from likely_buyers.errors import without_secrets
from likely_buyers.registry import Registry, model_bytes, model_digest
from likely_buyers.registry.records import StoredModel
from likely_buyers.registry.stores import KNOWN_LAYOUTS, MlflowStore, SqliteFile
from likely_buyers.settings import Settings

FEATURES = ("days_since_last_purchase", "purchases_30_days", "revenue_365_days", "carts_7_days")
NOON = datetime(2026, 11, 9, 12, tzinfo=UTC)
PACKAGE_PATH = str(Path(room.__file__).parents[2])


@cache
def shop() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(7)
    matrix = draw.normal(size=(600, len(FEATURES)))
    bought = (matrix[:, 0] + draw.normal(size=600) > 0.5).astype(int)
    matrix[draw.random(matrix.shape) < 0.05] = np.nan
    return matrix, bought


def boosting(seed: int = 0) -> HistGradientBoostingClassifier:
    matrix, bought = shop()
    model = HistGradientBoostingClassifier(max_iter=15, max_features=0.5, random_state=seed)
    # Threads of a small fit wait for each other where other tests use the cores.
    with threadpool_limits(1):
        return model.fit(matrix, bought)


def logistic(seed: int = 0) -> Any:
    matrix, bought = shop()
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(random_state=seed))
    return model.fit(matrix, bought)


@cache
def fitted(seed: int = 0) -> HistGradientBoostingClassifier:
    return boosting(seed)


def register(registry: Registry, estimator: Any | None = None, **changed: Any) -> room.ModelVersion:
    arguments: dict[str, Any] = {
        "feature_names": FEATURES,
        "feature_types": ["double"] * len(FEATURES),
        "metrics": {"roc_auc": 0.75, "average_precision": 0.66, "undefined": float("nan")},
        "as_of": date(2026, 11, 9),
        "horizon_days": 30,
        "at": NOON,
        "windows": {"training": ["2026-08-01", "2026-09-01"]},
        "parameters": {"family": "boosting", "trees": 15},
        **changed,
    }
    return registry.register(estimator or fitted(), **arguments)


def promote(registry: Registry, which: int | str, hours: int = 0) -> room.Promotion:
    return registry.promote(which, reason="better", by="ana", at=NOON + timedelta(hours=hours))


def rollback(registry: Registry, hours: int) -> room.Promotion:
    return registry.rollback(reason="odd scores", by="ben", at=NOON + timedelta(hours=hours))


def model_file(registry: Registry, version: room.ModelVersion) -> Path:
    return Path(registry.location.removeprefix("sqlite:///")).parent.joinpath(
        "artifacts", version.run_id, "artifacts", "model", "model.skops"
    )


def set_version_tag(registry: Registry, version: int, key: str, value: str) -> None:
    """What somebody who can write to the registry's database can do."""
    with sqlite3.connect(registry.location.removeprefix("sqlite:///")) as connection:
        connection.execute(
            "update model_version_tags set value = ? where version = ? and key = ?",
            (value, version, key),
        )


@pytest.fixture(scope="session")
def three_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions, 1 promoted; tests copy it, which also shows that it can be moved."""
    state = tmp_path_factory.mktemp("registry") / "state"
    registry = Registry(state)
    for seed in range(3):
        register(registry, fitted(seed))
    promote(registry, 1)
    return state


@pytest.fixture
def registry(three_versions: Path, tmp_path: Path) -> Registry:
    return Registry(Path(shutil.copytree(three_versions, tmp_path / "a shop's state")))


# Bytes and digests


@pytest.mark.parametrize("fit", [boosting, logistic])
def test_fitting_twice_gives_the_same_digest(fit: Any) -> None:
    assert model_bytes(fit()) == model_bytes(fit())
    assert model_digest(model_bytes(fit(1))) != model_digest(model_bytes(boosting(2)))


def test_digest_does_not_depend_on_the_number_of_cores() -> None:
    matrix, bought = shop()
    digests = set()
    for cores in (1, 2):
        with threadpool_limits(cores):
            model = HistGradientBoostingClassifier(max_iter=3, random_state=1).fit(matrix, bought)
        digests.add(model_digest(model_bytes(model)))
    assert len(digests) == 1


def test_canonical_bytes_keep_everything_skops_can_hold() -> None:
    shared = np.arange(3)
    thing = {
        "set": {"b", "a", "c"},
        "sparse": scipy.sparse.csr_matrix(np.eye(3)),
        "bytes": b"\x00\x01",
        "twice": [shared, shared],
        "file": "file",
        "__id__": 5,
        3: (None, 0.1, np.float32(0.1), slice(1, 2)),
    }
    content = model_bytes(thing)
    back = skops.io.loads(content, trusted=[scipy.sparse.csr_matrix])
    assert content == model_bytes(back)
    assert back["twice"][0] is back["twice"][1]
    assert back["set"] == thing["set"]
    assert back["bytes"] == thing["bytes"]
    assert back[3] == thing[3]
    assert (back["file"], back["__id__"]) == ("file", 5)
    assert (back["sparse"] != thing["sparse"]).nnz == 0


# Registering and loading


@pytest.mark.parametrize("fit", [boosting, logistic])
def test_what_is_loaded_scores_to_the_bit_like_what_was_registered(
    fit: Any, registry: Registry
) -> None:
    estimator = fit(5)
    version = register(registry, estimator)
    loaded = registry.load(version)
    matrix, _ = shop()
    assert np.array_equal(loaded.estimator.predict_proba(matrix), estimator.predict_proba(matrix))
    assert loaded.feature_names == FEATURES
    assert loaded.feature_types == ("double",) * len(FEATURES)
    assert loaded.horizon_days == 30
    assert (loaded.model_name, loaded.version) == ("likely_buyers.purchase_30d", 4)
    assert loaded.model_digest == version.model_digest == model_digest(model_bytes(estimator))


def test_versions_tell_what_was_registered(registry: Registry) -> None:
    versions = registry.versions()
    assert [v.version for v in versions] == [1, 2, 3]
    assert [v.is_champion for v in versions] == [True, False, False]
    first = versions[0]
    assert first.created_at == NOON
    assert first.as_of == date(2026, 11, 9)
    assert first.metrics == {"roc_auc": 0.75, "average_precision": 0.66}
    assert first.windows == {"training": ["2026-08-01", "2026-09-01"]}
    assert first.parameters == {"family": "boosting", "trees": 15}
    assert registry.version("latest") == versions[-1]
    assert registry.version("champion") == registry.champion() == first


def test_mlflow_sees_run_model_and_signature(registry: Registry) -> None:
    version = register(registry)
    client = MlflowClient(registry.location, registry.location)
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"roc_auc": 0.75, "average_precision": 0.66}
    assert run.data.params == {"family": "boosting", "trees": "15"}
    described = Model.load(str(model_file(registry, version).parent))
    assert described.signature.inputs.input_names() == list(FEATURES)
    assert set(described.flavors) == {"sklearn", "python_function"}
    assert run.info.artifact_uri.startswith(model_file(registry, version).parents[3].as_uri())


def test_reading_the_file_and_asking_mlflow_agree(registry: Registry) -> None:
    promote(registry, 3, hours=1)
    path = Path(registry.location.removeprefix("sqlite:///"))
    here, there = SqliteFile(path), MlflowStore(registry.location, None)
    found = here.read("likely_buyers.purchase_30d")
    assert found == there.read("likely_buyers.purchase_30d")
    assert found is not None
    assert (found.champion, [stored.version for stored in found.versions]) == (3, [1, 2, 3])
    assert (
        here.read("another") == there.read("another") == StoredModel("another", registry.location)
    )
    fresh = register(registry)
    stored = there.read("likely_buyers.purchase_30d").versions[-1]
    assert stored.version == fresh.version
    for name in ("MLmodel", "model.skops"):
        assert here.artifact(stored, name) == there.artifact(stored, name)


def test_the_installed_mlflow_lays_tables_out_as_the_reader_knows(registry: Registry) -> None:
    with sqlite3.connect(registry.location.removeprefix("sqlite:///")) as connection:
        revisions = {row[0] for row in connection.execute("select * from alembic_version")}
    assert revisions <= KNOWN_LAYOUTS, "another MLflow: check the queries of stores.py, add it"


def test_an_unknown_layout_is_left_to_mlflow(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = registry.versions(), registry.promotions()
    assert registry.load().version == 1
    monkeypatch.setattr("likely_buyers.registry.stores.KNOWN_LAYOUTS", frozenset({"older"}))
    assert (registry.versions(), registry.promotions()) == expected


@pytest.mark.slow
def test_daily_scoring_needs_neither_mlflow_nor_much_time(registry: Registry) -> None:
    script = (
        "import sys; from pathlib import Path; from likely_buyers.registry import Registry;"
        "assert 'sklearn' not in sys.modules, 'import of the room';"
        f"registry = Registry(Path({str(Path(registry.location[10:]).parent)!r}));"
        "registry.champion(); registry.load(); print('mlflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": PACKAGE_PATH},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.slow
def test_first_use_is_silent_and_digests_do_not_depend_on_the_process(tmp_path: Path) -> None:
    script = (
        "import test_registry as t; from pathlib import Path;"
        f"registry = t.Registry(Path({str(tmp_path / 'new' / 'state')!r}));"
        "boosting, logistic = (t.register(registry, m) for m in (t.boosting(), t.logistic()));"
        "t.promote(registry, 'latest'); print(boosting.model_digest, logistic.model_digest)"
    )
    paths = os.pathsep.join([PACKAGE_PATH, str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "17"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [model_digest(model_bytes(model)) for model in (boosting(), logistic())]
    assert (done.stdout.split(), done.stderr) == (expected, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"feature_names": FEATURES[:-1]}, "one type per feature"),
        ({"feature_names": FEATURES[:3], "feature_types": ["double"] * 3}, "fitted on 4 features"),
        ({"feature_names": [FEATURES[0]] * 4}, "distinct"),
        ({"feature_types": ["double", "double", "double", "struct"]}, "carts_7_days"),
        ({"feature_names": [], "feature_types": []}, "at least one feature"),
        ({"at": datetime(2026, 11, 9)}, "time zone"),
        ({"windows": {"training": date(2026, 1, 1)}}, "JSON"),
        ({"estimator": StandardScaler()}, "fitted classifier"),
    ],
)
def test_what_does_not_fit_together_is_not_registered(
    changed: dict[str, Any], message: str, registry: Registry
) -> None:
    with pytest.raises(room.RegistryError, match=message):
        register(registry, **changed)
    assert len(registry.versions()) == 3


# Forged, swapped, foreign


def test_a_flipped_byte_is_refused(registry: Registry) -> None:
    champion = registry.champion()
    assert champion is not None
    path = model_file(registry, champion)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(room.RegistryError, match=f"expected SHA-256 {champion.model_digest}"):
        registry.load()


def test_another_versions_file_is_refused_and_cannot_be_promoted(registry: Registry) -> None:
    first, second, _ = registry.versions()
    shutil.copy(model_file(registry, first), model_file(registry, second))
    with pytest.raises(room.RegistryError, match=r"version 2 .* not the file that was registered"):
        registry.load(2)
    with pytest.raises(room.RegistryError, match="not the file that was registered"):
        promote(registry, 2, hours=1)
    assert registry.champion() == first
    assert [p.version for p in registry.promotions()] == [1]


class Planted:
    """A type that nobody trusts: loading it must not even construct it."""

    constructed = 0

    def __init__(self) -> None:
        self.n_features_in_ = len(FEATURES)

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).constructed += 1

    def predict_proba(self, matrix: np.ndarray) -> np.ndarray:
        return np.ones((len(matrix), 2))


def test_an_untrusted_type_is_refused_though_the_digest_agrees(registry: Registry) -> None:
    second = registry.version(2)
    content = model_bytes(Planted())
    model_file(registry, second).write_bytes(content)
    set_version_tag(registry, 2, "model_digest", model_digest(content))
    with pytest.raises(
        room.RegistryError, match=r"types that likely_buyers does not trust .*Planted"
    ):
        registry.load(2)
    assert Planted.constructed == 0


def test_an_untrusted_estimator_is_refused_before_it_is_stored(registry: Registry) -> None:
    with pytest.raises(
        room.RegistryError, match=r"types that likely_buyers does not trust .*Planted"
    ):
        register(registry, Planted())
    assert len(registry.versions()) == 3


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04"])
def test_rubbish_is_refused_though_the_digest_agrees(content: bytes, registry: Registry) -> None:
    model_file(registry, registry.version(2)).write_bytes(content)
    set_version_tag(registry, 2, "model_digest", model_digest(content))
    with pytest.raises(
        room.RegistryError, match=r"version 2 .* not a model that .* skops can read"
    ):
        registry.load(2)


def test_another_scikit_learn_is_refused(registry: Registry) -> None:
    set_version_tag(registry, 1, "scikit_learn_version", "1.4.2")
    with pytest.raises(room.RegistryError, match=r"scikit-learn==1\.4\.2"):
        registry.load()


def test_renamed_or_reordered_features_are_refused(registry: Registry) -> None:
    path = model_file(registry, registry.version(1)).with_name("MLmodel")
    path.write_text(path.read_text().replace("purchases_30_days", "purchases_90_days"))
    with pytest.raises(room.RegistryError, match=r"not the ones registered.*purchases_90_days"):
        registry.load()
    path.write_text("flavors: {}")
    with pytest.raises(room.RegistryError, match=r"MLmodel of version 1 .* no readable signature"):
        registry.load()


@pytest.mark.parametrize("name", ["MLmodel", "model.skops"])
def test_a_missing_file_is_named(name: str, registry: Registry) -> None:
    version = register(registry)
    model_file(registry, version).with_name(name).unlink()
    with pytest.raises(room.RegistryError, match=f"{name} of version 4 is missing"):
        registry.load(version)
    store = MlflowStore(registry.location, None)
    with pytest.raises(room.RegistryError, match=f"{name} of version 4 is missing"):
        store.artifact(store.read("likely_buyers.purchase_30d").versions[-1], name)


def test_a_version_registered_by_another_tool_is_named(registry: Registry) -> None:
    client = MlflowClient(registry.location, registry.location)
    client.create_model_version("likely_buyers.purchase_30d", source="/elsewhere")
    with pytest.raises(room.RegistryError, match=r"Version 4 .* not registered by likely_buyers"):
        registry.load(4)
    assert registry.load().version == 1


# Champions and the promotion log


def test_the_promotion_log_tells_who_was_champion_when(registry: Registry) -> None:
    promote(registry, 2, hours=1)
    promote(registry, "latest", hours=2)
    rollback(registry, hours=3)
    lines = [(p.number, p.kind, p.version, p.replaces, p.by) for p in registry.promotions()]
    assert lines == [
        (1, "promote", 1, None, "ana"),
        (2, "promote", 2, 1, "ana"),
        (3, "promote", 3, 2, "ana"),
        (4, "rollback", 2, 3, "ben"),
    ]
    hours = [NOON + timedelta(hours=h) for h in range(4)]
    assert [(p.at, p.until) for p in registry.promotions()] == list(
        zip(hours, [*hours[1:], None], strict=True)
    )


def test_rollback_restores_the_scores_to_the_bit(registry: Registry) -> None:
    matrix, _ = shop()
    before = registry.load().estimator.predict_proba(matrix)
    promote(registry, 2, hours=1)
    assert not np.array_equal(registry.load().estimator.predict_proba(matrix), before)
    rollback(registry, hours=2)
    assert np.array_equal(registry.load().estimator.predict_proba(matrix), before)


def test_rollbacks_walk_back_and_do_not_return_to_what_was_rolled_back(registry: Registry) -> None:
    promote(registry, 2, hours=1)
    promote(registry, 3, hours=2)
    assert rollback(registry, hours=3).version == 2
    assert rollback(registry, hours=4).version == 1
    with pytest.raises(room.RegistryError, match=r"no champion before it .* promote VERSION"):
        rollback(registry, hours=5)
    promote(registry, 3, hours=6)
    assert rollback(registry, hours=7).version == 1


def test_refused_promotions_change_nothing(registry: Registry) -> None:
    with pytest.raises(room.RegistryError, match=r"Version 1 .* champion already"):
        promote(registry, 1, hours=1)
    for which in (9, "newest", "-1"):
        with pytest.raises(room.RegistryError, match=r"\[1, 2, 3\]"):
            promote(registry, which, hours=1)
    with pytest.raises(room.RegistryError, match="before the last one"):
        promote(registry, 2, hours=-1)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"reason": " "}, "a name and a reason"),
        ({"by": ""}, "a name and a reason"),
        ({"reason": "x" * 501}, "a reason of 501 characters"),
        ({"at": datetime(2027, 1, 1)}, "time zone"),
    ]
    for words, message in refused:
        with pytest.raises(room.RegistryError, match=message):
            registry.promote(2, **{"reason": "r", "by": "b", "at": NOON, **words})
    assert [p.version for p in registry.promotions()] == [1]
    assert registry.version("champion").version == 1


@pytest.mark.parametrize("happened", [False, True])
def test_an_interrupted_promotion_either_happened_or_did_not(
    happened: bool, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise room.RegistryError("the line went dead")

    move = MlflowClient.set_registered_model_alias

    def moved_and_interrupted(*words: Any) -> None:
        move(*words)
        interrupted()

    with monkeypatch.context() as patch:
        patch.setattr(
            MlflowClient,
            "set_registered_model_alias",
            moved_and_interrupted if happened else interrupted,
        )
        with pytest.raises(room.RegistryError):
            promote(registry, 2, hours=1)
    assert registry.version("champion").version == (2 if happened else 1)
    assert [p.version for p in registry.promotions()] == ([1, 2] if happened else [1])
    promote(registry, 3, hours=2)
    assert [p.version for p in registry.promotions()] == ([1, 2, 3] if happened else [1, 3])
    assert rollback(registry, hours=3).version == (2 if happened else 1)


def test_an_alias_moved_by_another_tool_enters_the_promotion_log(registry: Registry) -> None:
    client = MlflowClient(registry.location, registry.location)
    client.set_registered_model_alias("likely_buyers.purchase_30d", "champion", "3")
    assert registry.version("champion").version == 3
    assert rollback(registry, hours=2).version == 1
    lines = [(p.kind, p.version) for p in registry.promotions()]
    assert lines == [("promote", 1), ("found", 3), ("rollback", 1)]


def test_a_damaged_promotion_log_is_named_and_does_not_stop_scoring(registry: Registry) -> None:
    promote(registry, 2, hours=1)
    with sqlite3.connect(registry.location.removeprefix("sqlite:///")) as connection:
        connection.execute(
            "update registered_model_tags set value = replace(value, 'ana', 'eve') "
            "where key like 'promotion.000001.%' and key not like '%in_effect'"
        )
    with pytest.raises(room.RegistryError, match=r"promotion\.000001"):
        registry.promotions()
    with sqlite3.connect(registry.location.removeprefix("sqlite:///")) as connection:
        connection.execute("delete from registered_model_tags where key like 'promotion.000001.%'")
    with pytest.raises(room.RegistryError, match=r"misses entries \[1\]"):
        promote(registry, 3, hours=2)
    assert registry.load().version == 2


# Empty, locked, broken, out of reach


def test_an_empty_registry_has_no_champion_and_is_not_created_by_looking(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "state")
    assert registry.champion() is None
    assert registry.versions() == []
    assert registry.promotions() == []
    with pytest.raises(
        room.RegistryError, match=r"no champion yet .* likely-buyers train --promote"
    ):
        registry.load()
    with pytest.raises(room.RegistryError, match="no champion yet"):
        rollback(registry, hours=0)
    with pytest.raises(room.RegistryError, match=r"no version yet .* likely-buyers train"):
        promote(registry, "latest")
    assert list(tmp_path.iterdir()) == []


def test_a_locked_registry_says_so(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(registry.location.removeprefix("sqlite:///"))
    monkeypatch.setattr("likely_buyers.registry.stores.LOCK_SECONDS", 0.2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    try:
        with pytest.raises(room.RegistryError, match=r"held by another process, waited 0\.2 s"):
            registry.champion()
        other.execute("rollback")
        other.execute("begin immediate")
        assert registry.load().version == 1
        with pytest.raises(room.RegistryError, match=r"held by another process, waited 0\.2 s"):
            promote(registry, 2, hours=1)
    finally:
        other.close()
    assert registry.version("champion").version == 1


def test_a_file_that_is_no_registry_says_so(tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_text("not a database, and long enough to be looked at" * 50)
    with pytest.raises(room.RegistryError, match="not a SQLite file"):
        Registry(tmp_path).champion()
    (tmp_path / "folder" / "registry.db").mkdir(parents=True)
    with pytest.raises(room.RegistryError, match="cannot be opened"):
        Registry(tmp_path / "folder").champion()
    with pytest.raises(room.RegistryError, match="LIKELY_BUYERS_STATE"):
        register(Registry(tmp_path / "registry.db" / "state"))
    for name in ("why?", "50%"):
        with pytest.raises(room.RegistryError, match="without"):
            Registry(tmp_path / name)


def test_a_server_that_is_down_is_given_up_within_seconds(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://ana:secret@127.0.0.1:{free.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(room.RegistryError, match="MLFLOW_TRACKING_URI") as refusal:
        Registry(tmp_path, address).champion()
    assert "secret" not in str(refusal.value)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://ana:hid/den@mlflow.example:5000", "http://mlflow.example:5000"),
        ("postgresql://ana:hid@den@db/mlflow", "postgresql://db/mlflow"),
        ("mysql://db/mlflow?user=ana&password=hidden", "mysql://db/mlflow"),
        ("sqlite:////home/ana@shop/mlflow.db", "sqlite:////home/ana@shop/mlflow.db"),
    ],
)
def test_no_password_of_an_address_is_shown(tmp_path: Path, address: str, shown: str) -> None:
    assert Registry(tmp_path, address).location == shown
    assert without_secrets(f"'{address} is down' (why?)") == f"'{shown} is down' (why?)"


def test_a_server_that_does_not_answer_is_given_up_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Thread(target=silent.accept, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(room.RegistryError, match="MLFLOW_TRACKING_URI"):
            Registry(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}").load()
        assert time.monotonic() - started < 10


def test_the_environment_names_the_registry(tmp_path: Path) -> None:
    def location(**environment: str) -> str:
        return Registry.of(Settings.of(tmp_path, environment)).location

    assert location() == f"sqlite:///{tmp_path}/warehouse/registry.db"
    assert location(LIKELY_BUYERS_STATE=f"{tmp_path}/s") == f"sqlite:///{tmp_path}/s/registry.db"
    assert location(MLFLOW_TRACKING_URI="http://mlflow:5000") == "http://mlflow:5000"
