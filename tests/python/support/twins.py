"""The same events, seeds and champion on DuckDB and on a Spark cluster, and whether their tables are equal."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from likely_buyers.demo_shop import SimulationSettings, simulate_shop
from support.installation import Installation
from support.lakes import open_lake
from support.spark import SparkCluster, SparkInstallation, server_of

TABLES = (
    *("bronze.raw_events", "bronze.loaded_files", "bronze.rejected_lines", "bronze.loads"),
    *("silver.left_out_lines", "silver.quarantined_events", "silver.events", "silver.user_days"),
    *("silver.user_features", "gold.predictions", "gold.user_scores", "gold.prediction_history"),
    *("gold.top_buyers", "gold.top_buyer_contributions", "gold.top_buyer_reasons"),
    *("gold.expected_buyers", "gold.audiences", "gold.campaigns", "gold.campaign_results"),
    *("gold.model_performance", "gold.model_performance_deciles", "gold.feature_labels"),
    *("gold.expected_performance", "gold.estimated_performance", "gold.drift"),
    "training.champion_distributions",
)
# what is each engine's own: its row ids, its hashes, its clock, its runs, its versions
OWN = {
    "row_id",
    "duplicate_of",
    "loaded_at",
    "scored_at",
    "run_id",
    "snapshot_id",
    "purchase_digest",
}
FIRST_DAY, EARLIER_DAY = date(2019, 10, 1), date(2019, 11, 15)
# sums of floating numbers as decimals: DuckDB makes a decimal of the binary digits, Spark of the shortest decimal ones
SUMMED = {
    "gold.model_performance",
    "gold.model_performance_deciles",
    "gold.expected_performance",
    "gold.estimated_performance",
    "gold.drift",
    "gold.campaigns",
    "gold.campaign_results",
}
ONCE = ("likely-buyers", "stream", "--once", "--settle-seconds", "0.2")
HORIZON = {"horizon_days": 7}
CAMPAIGNS = (
    "campaign,start_date,top_fraction,size,min_probability,margin,cost_per_contact,control_share,outcome",
    "winter's offer,2019-11-01,0.2,,,40,1,0.3,",
    "by the money,2019-11-01,,,,40,0.9,0.2,purchase_7d",
)


@dataclass
class Twins:
    """The same events, seeds and champion, on both engines."""

    duckdb: Installation
    spark: SparkInstallation
    cluster: SparkCluster
    shop: Path
    later: Path
    folder: Path

    @property
    def variables(self) -> dict[str, Any]:
        return HORIZON | {"events_path": str(self.shop)}

    def build(self, *arguments: str, **variables: Any) -> str:
        """`dbt build` of both, and what the one on Spark said."""
        given = self.variables | variables
        kinds = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
        self.duckdb.built(*kinds, variables=given)
        return self.spark.built(*(arguments or kinds), variables=given).output

    def stream(self) -> str:
        """`likely-buyers stream --once` of both, and what the one on Spark said."""
        streamed = [one.run(*ONCE, variables=self.variables) for one in (self.duckdb, self.spark)]
        for finished in streamed:
            assert finished.succeeded, finished.output
        return streamed[-1].output

    def differences(self, *names: str) -> dict[str, str]:
        """Tables of which a row on one engine has no equal on the other; '' for each that must have rows and has."""
        folder = self.folder / f"tables_{len(list(self.folder.iterdir()))}"
        on_spark = self.spark.tables(names or TABLES, folder)
        found = {}
        with open_lake(self.duckdb.state, read_only=True) as lake:
            for name, table in on_spark.items():
                own = lake.execute(f"select * from {name}").to_arrow_table()
                if told := difference(own, table, 1e-12 if name in SUMMED else 0):
                    found[name] = told
        return found


def difference(one: pa.Table, other: pa.Table, within: float = 0) -> str:
    """How many rows of each have no equal in the other, floating numbers compared to the bit; '' for none.

    within: a share of its value that a floating number may differ by, where rows have a key of other columns.
    """
    if one.column_names != other.column_names:
        return f"columns {one.column_names} and {other.column_names}"
    names = [name for name in one.column_names if name not in OWN]
    if within:
        floating = [name for name in names if pa.types.is_floating(one.schema.field(name).type)]
        names = [name for name in names if name not in floating]
        ours, theirs = (
            table.sort_by([(name, "ascending") for name in names]).select(floating).to_pydict()
            for table in (one, other)
        )
        for name in floating:
            if not np.allclose(
                np.array(ours[name], dtype=float), np.array(theirs[name], dtype=float),
                rtol=within, atol=0, equal_nan=True,
            ):  # fmt: skip
                return f"{name}: {ours[name][:5]} and {theirs[name][:5]}"
    columns = ", ".join(f'"{name}"' for name in names)
    with duckdb.connect() as connection:
        connection.register("one", one)
        connection.register("other", other.cast(one.schema))
        counts = [
            connection.sql(
                f"select {columns} from {a} except all select {columns} from {b}"
            ).fetchall()
            for a, b in (("one", "other"), ("other", "one"))
        ]
    if not any(counts):
        return ""
    ours, theirs = counts
    return f"{len(ours)} and {len(theirs)} of {one.num_rows} and {other.num_rows}: {ours[:2]} {theirs[:2]}"


@contextmanager
def twins_in(folder: Path) -> Iterator[Twins]:
    """A shop of 75 days with the dirt of real ones, of which 46 are delivered, and a champion for it."""
    shop, later = folder / "shop", folder / "later"
    simulate_shop(SimulationSettings(users=500, days=75, seed=3), shop, "csv")
    shutil.rmtree(shop / "_truth")
    later.mkdir()
    for file in sorted(shop.glob("*.csv"))[46:]:
        file.rename(later / file.name)
    # lines that come late, and a file that will be replaced
    held = shop / "events-2019-10-21.csv"
    header, *lines = held.read_text().splitlines(keepends=True)
    held.write_text(header + "".join(lines[40:]))
    (later / "late.csv").write_text(header + "".join(lines[:60]))
    own = Installation.with_own_seeds(folder)
    assert own.folder
    (own.folder / "seeds" / "campaigns.csv").write_text("\n".join([*CAMPAIGNS, ""]))
    # it takes a while to start, beside the training
    server = server_of(own.folder, folder / "parsed")
    cluster = SparkCluster(folder / "cluster")
    trained = own.run(
        "likely-buyers", "train", "--promote",
        variables=HORIZON | {"events_path": str(shop), "training_cutoffs": 3, "as_of": EARLIER_DAY},
    )  # fmt: skip
    assert trained.succeeded, trained.output
    try:
        spark = SparkInstallation(
            folder / "state_of_spark",
            registry_of=own,
            folder=own.folder,
            server=server,
            remote=cluster.start(),
        )
        yield Twins(own, spark, cluster, shop, later, folder)
    finally:
        cluster.stop()
        server.stop()
