"""A whole job under a key: nothing that it leaves in the state folder names a user."""

from base64 import b64encode
from pathlib import Path

import duckdb

from support.installation import Installation
from support.trained_shop import TrainedShop

USER = "user-to-be-hidden"


class AsUsersHaveIt(Installation):
    """With the log of dbt as it is where nobody sets its level."""

    def environment(self) -> dict[str, str]:
        environment = super().environment()
        del environment["DBT_LOG_LEVEL_FILE"]
        return environment


def naming_a_user(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and USER.encode() in path.read_bytes()
    )


def test_no_user_is_named_in_the_state_folder(
    shop_with_champion: TrainedShop, tmp_path: Path
) -> None:
    events = tmp_path / "events"
    events.mkdir()
    duckdb.execute(
        f"copy (select * replace ('{USER}-' || user_id as user_id) from read_csv("
        f"'{shop_with_champion.events}/events-2020-0[1-3]*.csv', all_varchar = true, ignore_errors = true,"
        f" union_by_name = true)) to '{events}/1.csv'; copy (from '{events}/1.csv' limit 500) to '{events}/2.parquet'"
    )
    # a byte order mark that the engine cannot read, so that the file is copied
    (events / "3.csv").write_text((events / "1.csv").read_text()[:9_999], "utf-16")
    key = tmp_path / "key"
    key.write_bytes(b64encode(b"k" * 32))
    key.chmod(0o600)
    champion = shop_with_champion.with_its_champion(tmp_path / "state")
    shop = AsUsersHaveIt(champion.state, settings={"LIKELY_BUYERS_KEY_FILE": str(key)})
    # so few events make a bot that a warning names some
    finished = shop.dbt("build", variables={"events_path": str(events), "bot_events_per_day": 20})
    assert finished.succeeded, finished.output
    assert f"the user '{USER}-" in finished.output
    for command in (("publish",), ("maintain",), ("top", "--rows", "3")):
        output = shop.run("likely-buyers", *command).output
        assert output.count(USER) == (3 if command[0] == "top" else 0), output
    # what is published is for others to read
    assert {name.split("/")[0] for name in naming_a_user(shop.state)} == {"published"}
    assert {path.name for path in shop.state.iterdir() if path.is_dir()} >= {"data", "target"}
    for path in shop.state.rglob("*"):
        assert path.is_dir() or key.read_bytes() not in path.read_bytes(), path

    shop.settings.clear()
    for words in (("dbt", "build"), ("likely-buyers", "top"), ("likely-buyers", "maintain")):
        refused = shop.run(*words)
        assert not refused.succeeded
        assert "is encrypted, and no key is given. Set LIKELY_BUYERS_KEY_FILE" in refused.output
        assert "Traceback" not in refused.output
