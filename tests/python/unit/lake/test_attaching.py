"""Catalog, data and key that do not belong together are refused in words, and nothing is written."""

import gc
import os
import shutil
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from likely_buyers.lake import LakeProblem, connect
from likely_buyers.lake.extensions import ExtensionMissing
from likely_buyers.settings import Lake
from support.lakes import open_lake

USER = b"user-to-be-hidden"


def key_file(folder: Path, letter: bytes = b"k") -> Path:
    file = folder / f"key-{letter.decode()}"
    file.write_bytes(b64encode(letter * 32) + b"\n")
    file.chmod(0o600)
    return file


def fill(state: Path) -> None:
    with open_lake(state) as lake:
        lake.execute("create schema gold; create table gold.users (user_id varchar)")
        lake.execute(f"insert into gold.users select '{USER.decode()}-' || range from range(100)")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A plain lake."""
    fill(tmp_path / "state")
    return tmp_path / "state"


@pytest.fixture
def encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake of the key that the environment names."""
    monkeypatch.setenv("LIKELY_BUYERS_KEY_FILE", str(key_file(tmp_path)))
    fill(tmp_path / "encrypted")
    return tmp_path / "encrypted"


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def refused(state: Path, words: str, lake: Lake | None = None) -> str:
    """What is said by a reader and a writer, who leave everything as it is."""
    before = tree(state)
    for read_only in (True, False):
        with pytest.raises(LakeProblem, match=words) as problem:
            connect(lake or Lake.in_folder(state), read_only=read_only)
    assert tree(state) == before
    return str(problem.value)


@pytest.mark.parametrize("with_key", [False, True])
def test_an_encrypted_lake_shows_no_user(
    with_key: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its files, in the log that its catalog has while it is written, and in what memory has no room for."""
    if with_key:
        monkeypatch.setenv("LIKELY_BUYERS_KEY_FILE", str(key_file(tmp_path)))
    state = tmp_path / "state"

    def shown() -> set[str]:
        return {name.split("/")[0] for name, content in tree(state).items() if USER in content}

    with connect(Lake.in_folder(state)) as lake:
        lake.execute("set memory_limit = '20MB'; set threads = 1")
        lake.execute(
            f"create table users as select '{USER.decode()}-' || range as user_id from range(100000)"
        )
        lake.execute(
            "create temporary table kept as select user_id, md5(user_id), md5(user_id || 1), md5(user_id || 2),"
            " md5(user_id || 3), md5(user_id || 4) from users"
        )
        spilled = {"spill"} & {name.split("/")[0] for name in tree(state) if name.endswith("tmp")}
        assert spilled, "nothing was spilled: the test needs more rows"
        expected = set() if with_key else {"catalog.ducklake.wal", "data", "spill"}
        assert shown() == expected
        key = b64encode(b"k" * 32).decode()
        told = lake.execute("select * from duckdb_databases(), duckdb_settings()").fetchall()
        assert key not in str(told)
        assert key not in str(lake.execute("from duckdb_secrets()").fetchall())
    assert shown() == (set() if with_key else {"catalog.ducklake", "data"})
    assert key.encode() not in b"".join(tree(state).values())


def test_the_key_that_fits_opens(encrypted: Path) -> None:
    with open_lake(encrypted, read_only=True) as lake:
        assert lake.execute("select count(*) from gold.users").fetchall() == [(100,)]


def test_a_key_that_does_not_fit(encrypted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKELY_BUYERS_KEY_FILE", str(key_file(encrypted.parent, b"w")))
    told = refused(encrypted, "is encrypted with another key than that of LIKELY_BUYERS_KEY_FILE")
    assert b64encode(b"w" * 32).decode() not in told
    monkeypatch.delenv("LIKELY_BUYERS_KEY_FILE")
    refused(encrypted, "is encrypted, and no key is given. Set LIKELY_BUYERS_KEY_FILE")


def test_a_key_for_a_lake_that_is_plain(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKELY_BUYERS_KEY_FILE", str(key_file(state.parent)))
    refused(state, f"is not encrypted, .* run: likely-buyers carry-over {state}/catalog.ducklake")


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (None, 0o600, "cannot be read: No such file.*umask 077; openssl rand -base64 32 > "),
        (b64encode(b"k" * 32), 0o640, r"read by others than its owner \(mode 0640\). Run: chmod 600 "),
        (b64encode(b"k" * 16), 0o600, "expected 32 bytes in base64.*found 16 bytes"),
        (b"correct horse battery staple", 0o600, "expected 32 bytes in base64.*found something else"),
        ("schlüssel".encode(), 0o600, "found something else"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_key(
    content: bytes | None, mode: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
        file.chmod(mode)
    monkeypatch.setenv("LIKELY_BUYERS_KEY_FILE", str(file))
    (tmp_path / "state").mkdir()
    told = refused(tmp_path / "state", f"the key file {file} .LIKELY_BUYERS_KEY_FILE. .*{words}")
    assert content is None or repr(content)[2:-1] not in told


def test_data_of_another_lake(state: Path, tmp_path: Path) -> None:
    fill(tmp_path / "other")
    for data in (tmp_path / "other" / "data", tmp_path / "nothing"):
        mixed = Lake(str(state / "catalog.ducklake"), str(data), state)
        refused(
            tmp_path, f"names 1 files of data, of which 1 are not in {data}, the first: ", mixed
        )


def test_a_new_catalog_for_data_of_another_lake(state: Path, tmp_path: Path) -> None:
    mixed = Lake(str(tmp_path / "new" / "catalog.ducklake"), str(state / "data"), state)
    with pytest.raises(LakeProblem, match=f"{state}/data holds files of another one, such as"):
        connect(mixed)
    assert list((tmp_path / "new").iterdir()) == []


def test_what_encrypts_is_not_installed(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKELY_BUYERS_KEY_FILE", str(key_file(state.parent)))
    monkeypatch.setitem(sys.modules, "duckdb_extension_httpfs", None)
    with pytest.raises(
        ExtensionMissing, match=r"httpfs.*pip install 'likely_buyers\[encryption\]'"
    ):
        open_lake(state)


def damaged(catalog: Path) -> None:
    """In its head, of which it has a checksum."""
    content = bytearray(catalog.read_bytes())
    content[12:20] = bytes(range(8))
    catalog.write_bytes(content)


def newer_format(catalog: Path) -> None:
    with duckdb.connect(str(catalog)) as plain:
        plain.execute("update ducklake_metadata set value = '7.0' where key = 'version'")


def no_database(catalog: Path) -> None:
    catalog.write_text("user_id,probability\n" * 1000)


def no_lake(catalog: Path) -> None:
    catalog.unlink()
    with duckdb.connect(str(catalog)) as plain:
        plain.execute("create table predictions as select 1 as user_id")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (newer_format, "was written by another version of DuckLake.*DuckDB says: .*7.0"),
        (damaged, "is damaged. Restore it and its data"),
        (no_database, "is no catalog of a lake. Restore it"),
        (no_lake, "is a database of DuckDB but no catalog of a lake"),
    ],
)
def test_a_catalog_that_is_none_of_ours(
    change: Callable[[Path], None], words: str, state: Path
) -> None:
    change(state / "catalog.ducklake")
    refused(state, words)


@pytest.fixture
def locked_up(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written, by root neither: below a file."""
    (tmp_path / "file").write_text("")
    yield tmp_path / "file" / "folder"


def test_folders_that_cannot_be_written(
    state: Path, locked_up: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Lake(str(tmp_path / "new" / "catalog"), str(locked_up), state)
    words = f"the folder {locked_up} of the lake cannot be written: Not a directory. Give"
    with pytest.raises(LakeProblem, match=words):
        connect(elsewhere)
    with pytest.raises(LakeProblem, match=words):
        connect(Lake(str(locked_up / "catalog"), str(tmp_path / "data"), state))
    # root may write anywhere, so the system's answer is made up
    monkeypatch.setattr(os, "access", lambda folder, _: folder != state / "data")
    with pytest.raises(LakeProblem, match=f"{state}/data of the lake cannot be written: no right"):
        open_lake(state)
    open_lake(state, read_only=True).close()


def test_a_lake_that_a_killed_process_began_is_made(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    duckdb.connect(str(tmp_path / "state" / "catalog.ducklake")).close()
    fill(tmp_path / "state")


def test_a_state_folder_may_be_moved(state: Path, tmp_path: Path) -> None:
    shutil.move(state, tmp_path / "moved")
    with open_lake(tmp_path / "moved") as lake:
        assert lake.execute("select count(*) from gold.users").fetchall() == [(100,)]


def test_a_connection_that_nobody_uses_any_longer_is_in_nobodys_way(state: Path) -> None:
    """The frames of an exception keep one alive until Python looks for what nobody can reach."""
    gc.disable()
    try:
        forgotten: list[object] = [open_lake(state)]
        forgotten.append(forgotten)
        del forgotten
        with open_lake(state) as lake:
            assert lake.execute("select count(*) from gold.users").fetchone() == (100,)
    finally:
        gc.enable()
