"""Fixtures that every folder of tests may use; `support` says what is for what."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# two processes of tests share two cores: more threads of one only wait for the other
os.environ.setdefault("OMP_NUM_THREADS", "1")

from support.commands import share_a_server
from support.installation import Installation
from support.trained_shop import TrainedShop, trained_shop

MEMORY = Path("/dev/shm")  # noqa: S108


def pytest_configure(config: pytest.Config) -> None:
    """Where folders lie, and a command server for all processes of the run.

    A build commits a hundred times, and each time waits for the disk: folders are in memory where there is room.
    """
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 8 * 2**30:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
        os.environ.setdefault("TMPDIR", str(MEMORY))
        tempfile.tempdir = None
    if config.getoption("numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        share_a_server()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins, and needs no trained shop: else two processes would wait for one."""
    longest = ("test_online_retail", "test_spark", "test_elsewhere")
    items.sort(key=lambda item: not any(name in item.nodeid for name in longest))


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    yield Installation(tmp_path / "state")


@pytest.fixture(scope="session")
def shop_with_champion(tmp_path_factory: pytest.TempPathFactory) -> TrainedShop:
    """To be read only: `copied` gives a state that may be changed."""
    base = tmp_path_factory.getbasetemp()
    # each process of xdist has a folder of its own in that of the run
    run = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    return trained_shop(run / "trained_shop")
