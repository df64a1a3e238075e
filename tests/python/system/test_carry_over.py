"""A state from before the lake: its logs come over, and the next build goes on from them."""

import re
from pathlib import Path

import duckdb

from likely_buyers.cli.lake import LOGS
from support.installation import PROJECT, Installation
from support.lakes import open_lake
from support.trained_shop import TrainedShop

# in Python, and so not told by its materialization
KEEPS_ITS_ROWS = "expected_buyers"
# there were none before the lake
NEWER = {"expected_performance", "live_scores"}
TABLES = sorted(f"gold.{table}" for table in LOGS.values())


def contents(installation: Installation) -> dict[str, list[tuple[object, ...]]]:
    return {table: installation.query(f"from {table} order by all") for table in TABLES}


def test_the_tables_that_are_carried_over_are_those_that_builds_add_to() -> None:
    gold = PROJECT / "models" / "gold"
    logs = {file.stem for file in gold.glob("*.sql") if "incremental" in file.read_text()}
    assert LOGS.keys() == (logs - NEWER) | {KEEPS_ITS_ROWS}
    for model, table in LOGS.items():
        (file,) = (file for file in gold.glob(f"{model}.*") if file.suffix != ".yml")
        named = re.search(r'alias="(\w+)"', file.read_text())
        assert table == (named[1] if named else model)


def test_history_lists_and_results_come_over(
    shop_with_champion: TrainedShop, tmp_path: Path
) -> None:
    """A second build with the same events, here in one lake and there in another, finds nothing to compute again."""
    variables = {"events_path": str(shop_with_champion.events)}
    before = shop_with_champion.copied(tmp_path / "before")
    assert before.build_models(variables=variables).succeeded
    expected = contents(before)
    assert len({row[2] for row in expected["gold.prediction_history"]}) == 2
    assert expected["gold.audiences"] and expected["gold.model_performance"]
    file = tmp_path / "earlier.duckdb"
    with duckdb.connect(str(file)) as earlier, open_lake(before.state, read_only=True) as lake:
        earlier.execute("create schema gold")
        for table in TABLES:
            # of before there were several outcomes
            since = "columns(lambda name: name not in ('outcome', 'scored_with'))"
            rows = lake.execute(f"select {since} from {table}").to_arrow_table()  # noqa: F841
            earlier.execute(f"create table {table} as from rows")
    bytes_before = file.read_bytes()

    after = shop_with_champion.with_its_champion(tmp_path / "after")
    for told in ("now in the lake", "known to the lake"):
        carried = after.run("likely-buyers", "carry-over", str(file))
        assert carried.succeeded, carried.output
        for table, held in expected.items():
            # of no rows none is known before
            words = told if held else "now in the lake"
            assert f"{table}: {len(held):,} rows in earlier.duckdb, {words}" in carried.output
        assert "the earlier file can be deleted" in carried.output
        # and then once more, after a build that has nothing to add
        finished = after.build_models(variables=variables)
        assert finished.succeeded, finished.output
        assert contents(after) == expected
    assert file.read_bytes() == bytes_before

    empty = after.run("likely-buyers", "carry-over")
    assert not empty.succeeded
    assert f"there is no file {after.state}/likely_buyers.duckdb. Name" in empty.output


def test_a_lake_of_before_there_were_several_outcomes_is_built_on(
    shop_with_champion: TrainedShop, tmp_path: Path
) -> None:
    """Each row of it was of a purchase within its horizon; new columns come last."""
    # what a model in Python keeps is made with all columns, once its inputs are others
    tables = [table for table in TABLES if not table.endswith(KEEPS_ITS_ROWS)]
    variables = {"events_path": str(shop_with_champion.events)}
    before = shop_with_champion.copied(tmp_path / "before")
    assert before.build_models(variables=variables).succeeded
    named = {
        table: f"select {columns} from {table} order by all"
        for table in tables
        for columns in [", ".join(sorted(name for name, *_ in before.query(f"describe {table}")))]
    }
    expected = {table: before.query(query) for table, query in named.items()}
    with open_lake(before.state) as lake:
        for table in tables:
            lake.execute(f"alter table {table} drop column outcome")
        lake.execute("alter table gold.prediction_history drop column scored_with")
    assert before.build_models(variables=variables).succeeded
    assert {table: before.query(query) for table, query in named.items()} == expected
