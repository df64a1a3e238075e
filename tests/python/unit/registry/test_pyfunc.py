"""A registered version as MLflow's clients load it: the same scores, and refused for the same reasons."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from mlflow.exceptions import MlflowException
from test_registry import (
    FEATURES,
    PACKAGE_PATH,
    Planted,
    boosting,
    logistic,
    model_file,
    promote,
    register,
    set_version_tag,
    shop,
)

from likely_buyers import scoring
from likely_buyers.registry import ModelVersion, Registry, RegistryError, model_bytes, model_digest
from likely_buyers.registry.pyfunc import FINGERPRINTS

CHAMPION = "models:/likely_buyers.purchase_30d@champion"


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("pyfunc") / "state"
    registry = Registry(state)
    register(registry, boosting())
    register(registry, boosting(1))
    promote(registry, 1)
    return state


@pytest.fixture
def registry(two_versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    state = shutil.copytree(two_versions, tmp_path / "state")
    # MLflow, unlike `Registry`, does not find a folder that was moved
    with sqlite3.connect(state / "registry.db") as connection:
        for table, column in (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("model_versions", "source"),
            ("model_versions", "storage_location"),
        ):
            connection.execute(
                f"update {table} set {column} = replace({column}, ?, ?)",
                (str(two_versions), str(state)),
            )
    registry = Registry(state)
    monkeypatch.delenv(FINGERPRINTS, raising=False)
    mlflow.set_registry_uri(None)
    mlflow.set_tracking_uri(registry.location)
    yield registry
    mlflow.set_tracking_uri(None)


def features(rows: slice = slice(None)) -> pd.DataFrame:
    return pd.DataFrame(shop()[0][rows], columns=list(FEATURES))


def folder_of(registry: Registry, which: int | str = "champion") -> Path:
    return model_file(registry, registry.version(which)).parent


# Scores


@pytest.mark.parametrize("fit", [boosting, logistic])
def test_any_client_gets_the_probabilities_of_the_warehouse_to_the_bit(
    fit: Any, registry: Registry
) -> None:
    version = register(registry, fit(5))
    loaded = mlflow.pyfunc.load_model(f"models:/{version.model_name}/{version.version}")
    frame = features().set_index(pd.Index([f"u{number}" for number in range(600)], name="user_id"))
    predicted = loaded.predict(frame)
    batch = pa.RecordBatch.from_pandas(features())
    expected = scoring.probabilities(batch, registry.load(version))
    assert predicted.columns.to_list() == ["probability"]
    assert predicted.index.equals(frame.index)
    assert np.array_equal(predicted["probability"].to_numpy(), expected)


def test_order_of_columns_further_columns_and_no_rows(registry: Registry) -> None:
    loaded = mlflow.pyfunc.load_model(CHAMPION)
    frame = features()
    shuffled = frame[list(reversed(FEATURES))].assign(user_id="u")
    assert loaded.predict(shuffled).equals(loaded.predict(frame))
    none = loaded.predict(features(slice(0)))
    assert none.shape == (0, 1)
    assert none["probability"].dtype == np.float64


def test_columns_that_do_not_fit_are_refused(registry: Registry) -> None:
    loaded = mlflow.pyfunc.load_model(CHAMPION)
    with pytest.raises(MlflowException, match=r"missing inputs.*carts_7_days"):
        loaded.predict(features().drop(columns="carts_7_days"))
    with pytest.raises(MlflowException, match="carts_7_days"):
        loaded.predict(features().assign(carts_7_days="many"))


@pytest.mark.parametrize("change", ["missing", "text"])
def test_who_calls_without_mlflow_is_told_as_well(change: str, registry: Registry) -> None:
    from likely_buyers.registry.pyfunc import PyfuncModel

    frame = features()
    model = PyfuncModel(boosting(), dict.fromkeys(FEATURES, "double"))
    frame = (
        frame.drop(columns=FEATURES[1])
        if change == "missing"
        else frame.assign(**{FEATURES[1]: "x"})
    )
    with pytest.raises(RegistryError, match=r"purchases_30_days.*takes 4 features"):
        model.predict(frame)


# Checks: those of `Registry.load`, and no fewer


def flip(registry: Registry) -> None:
    path = model_file(registry, registry.version(1))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def swap(registry: Registry) -> None:
    """The whole folder of another version, which fits together."""
    shutil.rmtree(folder_of(registry, 1))
    shutil.copytree(folder_of(registry, 2), folder_of(registry, 1))


def forge(registry: Registry) -> None:
    """Another model, and a description that vouches for it."""
    content = model_bytes(boosting(9))
    path = model_file(registry, registry.version(1))
    path.write_bytes(content)
    described = path.with_name("MLmodel")
    digest = registry.version(1).model_digest
    described.write_text(described.read_text().replace(digest, model_digest(content)))


def plant(registry: Registry) -> None:
    content = model_bytes(Planted())
    model_file(registry, registry.version(1)).write_bytes(content)
    set_version_tag(registry, 1, "model_digest", model_digest(content))


def reorder(registry: Registry) -> None:
    path = folder_of(registry, 1) / "MLmodel"
    first, second = FEATURES[:2]
    path.write_text(
        path.read_text().replace(first, "?").replace(second, first).replace("?", second)
    )


def age(registry: Registry) -> None:
    set_version_tag(registry, 1, "scikit_learn_version", "1.4.2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flip, "not the file that was registered"),
        (swap, "not the file that was registered"),
        (forge, "not the file that was registered"),
        (plant, r"types that likely_buyers does not trust .*Planted"),
        (reorder, "features named in MLmodel .* are not the ones registered"),
        (age, r"scikit-learn==1\.4\.2"),
    ],
)
def test_what_the_registry_refuses_mlflow_does_not_get_either(
    change: Any, message: str, registry: Registry
) -> None:
    mlflow.pyfunc.load_model(CHAMPION)
    change(registry)
    with pytest.raises(RegistryError, match=message):
        registry.load()
    with pytest.raises(RegistryError, match=message):
        mlflow.pyfunc.load_model(CHAMPION)
    assert Planted.constructed == 0


def test_a_folder_does_not_vouch_for_itself(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(folder_of(registry), tmp_path / "copy")
    with pytest.raises(RegistryError, match="nothing but itself says what it should be"):
        mlflow.pyfunc.load_model(str(folder))
    first, second = registry.versions()
    # a worker that cannot ask the registry, and one that scores with two models
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    expected = registry.load(1).estimator.predict_proba(shop()[0])[:, 1]
    for known in (str(first.fingerprint), f"{second.fingerprint} {first.fingerprint}"):
        monkeypatch.setenv(FINGERPRINTS, known)
        predicted = mlflow.pyfunc.load_model(str(folder)).predict(features())
        assert np.array_equal(predicted["probability"].to_numpy(), expected)
    monkeypatch.setenv(FINGERPRINTS, str(second.fingerprint))
    with pytest.raises(RegistryError, match=f"expected SHA-256 {second.model_digest}"):
        mlflow.pyfunc.load_model(str(folder))
    monkeypatch.setenv(FINGERPRINTS, first.model_digest)
    with pytest.raises(RegistryError, match="Expected a fingerprint"):
        mlflow.pyfunc.load_model(str(folder))


def test_a_folder_says_which_version_it_is_and_the_digest_of_that_one_decides(
    registry: Registry, tmp_path: Path
) -> None:
    """MLflow leaves the name beside a model that it loaded by it; who loads by a path takes the folder's word."""
    first, second = registry.versions()
    run = f"runs:/{first.run_id}/model"
    with pytest.raises(RegistryError, match="nothing but itself says what it should be"):
        mlflow.pyfunc.load_model(run)
    mlflow.pyfunc.load_model(CHAMPION)
    folder = shutil.copytree(folder_of(registry, 1), tmp_path / "copy")
    promote(registry, 2, hours=1)
    expected = registry.load(1).estimator.predict_proba(shop()[0])[:, 1]
    for address in (str(folder), run):
        predicted = mlflow.pyfunc.load_model(address).predict(features())
        assert np.array_equal(predicted["probability"].to_numpy(), expected)
    said = {"model_name": second.model_name, "model_version": "2"}
    (folder / "registered_model_meta").write_text(yaml.safe_dump(said))
    refused = (
        f"of version 2 .*not the file that was .*{second.model_digest}, found {first.model_digest}"
    )
    with pytest.raises(RegistryError, match=refused):
        mlflow.pyfunc.load_model(str(folder))
    (folder / "registered_model_meta").write_text(yaml.safe_dump(said | {"model_version": "7"}))
    with pytest.raises(RegistryError, match="No version '7'"):
        mlflow.pyfunc.load_model(str(folder))


@pytest.mark.parametrize("name", ["model.skops", "MLmodel"])
def test_a_missing_file_is_named(name: str, registry: Registry) -> None:
    from likely_buyers.registry.pyfunc import _load_pyfunc

    mlflow.pyfunc.load_model(CHAMPION)
    (folder_of(registry) / name).unlink()
    with pytest.raises(RegistryError, match=f"{name} is missing"):
        _load_pyfunc(str(folder_of(registry)))


# The folder


def test_a_version_brings_no_code_no_pickle_and_exact_pins(registry: Registry) -> None:
    folder = folder_of(registry)
    described = yaml.safe_load((folder / "MLmodel").read_text())
    assert described["flavors"]["python_function"] == {
        "loader_module": "likely_buyers.registry.pyfunc",
        "python_version": ".".join(map(str, sys.version_info[:3])),
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
    }
    files = {path.name for path in folder.iterdir()} - {"registered_model_meta"}
    assert files == {
        "MLmodel",
        "model.skops",
        "requirements.txt",
        "conda.yaml",
        "python_env.yaml",
    }
    pins = dict(line.split("==") for line in (folder / "requirements.txt").read_text().split())
    assert pins == {name: installed(name) for name in pins}
    assert {"scikit-learn", "skops", "numpy", "pandas", "pyarrow", "mlflow-skinny"} <= pins.keys()
    in_conda = yaml.safe_load((folder / "conda.yaml").read_text())["dependencies"][-1]["pip"]
    assert dict(line.split("==") for line in in_conda) == pins


@pytest.mark.slow
def test_a_process_that_only_loads_needs_no_database_and_no_dbt(registry: Registry) -> None:
    """What is pinned beside a model suffices: nothing else of ours is imported."""
    script = (
        "import sys, mlflow, pandas;"
        f"model = mlflow.pyfunc.load_model({CHAMPION!r});"
        f"model.predict(pandas.DataFrame([[0.0] * {len(FEATURES)}], columns={FEATURES!r}));"
        "print(sorted({'duckdb', 'dbt', 'shap'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": PACKAGE_PATH, "MLFLOW_TRACKING_URI": registry.location},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


# A folder for those who cannot ask the registry


def test_a_saved_version_scores_by_its_fingerprint(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = registry.save("champion", tmp_path)
    assert saved == registry.champion()
    monkeypatch.setenv(FINGERPRINTS, str(saved.fingerprint))
    predicted = mlflow.pyfunc.load_model(str(tmp_path)).predict(features())
    expected = registry.load().estimator.predict_proba(shop()[0])[:, 1]
    assert np.array_equal(predicted["probability"].to_numpy(), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flip, "not the file that was registered"),
        (reorder, "are not the ones registered"),
        (age, r"scikit-learn==1\.4\.2"),
    ],
)
def test_what_is_refused_is_not_saved(
    change: Any, message: str, registry: Registry, tmp_path: Path
) -> None:
    change(registry)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(RegistryError, match=message):
        registry.save(1, out)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("forged", [{"loader_module": "mlflow.sklearn"}, {"code": "code"}])
def test_a_loader_of_somebody_else_is_not_handed_on(
    forged: dict[str, str], registry: Registry, tmp_path: Path
) -> None:
    path = folder_of(registry) / "MLmodel"
    described = yaml.safe_load(path.read_text())
    described["flavors"]["python_function"] |= forged
    path.write_text(yaml.safe_dump(described))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(RegistryError, match=r"names another loader .*or code of its own"):
        registry.save("champion", out)
    assert list(out.iterdir()) == []


def as_registered_before(registry: Registry, version: ModelVersion) -> None:
    """A folder as versions had it that were registered before there was this flavor."""
    folder = model_file(registry, version).parent
    described = yaml.safe_load((folder / "MLmodel").read_text())
    del described["flavors"]["python_function"]
    (folder / "MLmodel").write_text(yaml.safe_dump(described))
    for name in ("requirements.txt", "conda.yaml", "python_env.yaml"):
        (folder / name).unlink()


def test_a_version_of_before_scores_as_ever_and_everybody_says_what_it_lacks(
    registry: Registry, tmp_path: Path
) -> None:
    version = registry.version(2)
    as_registered_before(registry, version)
    promote(registry, 2, hours=1)
    assert registry.load().version == 2
    registry.load().estimator.predict_proba(shop()[0])
    with pytest.raises(MlflowException, match='does not have the "python_function" flavor'):
        mlflow.pyfunc.load_model(CHAMPION)
    with pytest.raises(RegistryError, match=r"registered before .*python_function.*Train a new"):
        registry.save("champion", tmp_path)
