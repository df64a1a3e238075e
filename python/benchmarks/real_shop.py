"""A real shop on DuckDB and on a Spark cluster of this machine, with one champion: every table compared, row by row.

    python python/benchmarks/real_shop.py

The orders of the UCI data set Online Retail. Other rows on one engine than on the other fail it.
"""

import sys
import tempfile
from pathlib import Path

from shops import PROJECT

from likely_buyers.terminal import say

# installations and their comparison are those of the tests
sys.path.append(str(PROJECT / "tests" / "python"))

from support.installation import ONLINE_RETAIL, Installation
from support.spark import SparkCluster, SparkInstallation
from support.twins import TABLES, Twins

VARIABLES = {
    "event_mapping": "online_retail",
    "events_path": str(ONLINE_RETAIL),
    "as_of": "2011-11-09",
}
MODELS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


def compared(folder: Path) -> str:
    """What was found, for a row of a table.

    Raises:
        SystemExit: a table has other rows on Spark.
    """
    if not ONLINE_RETAIL.exists():
        return f"NOT COMPARED: {ONLINE_RETAIL} is not there"
    folder.mkdir(parents=True)
    own = Installation.with_own_seeds(folder)
    trained = own.run("likely-buyers", "train", "--promote", variables=VARIABLES)
    if not trained.succeeded:
        raise SystemExit(trained.output)
    own.built(*MODELS, variables=VARIABLES)
    cluster = SparkCluster(folder / "cluster")
    try:
        spark = SparkInstallation(
            folder / "state_of_spark", registry_of=own, folder=own.folder, remote=cluster.start()
        )
        spark.built(*MODELS, variables=VARIABLES)
        found = Twins(own, spark, cluster, folder, folder, folder).differences()
    finally:
        cluster.stop()
    if found:
        raise SystemExit(
            "other rows on Spark than on DuckDB: "
            + "; ".join(f"{name}: {told}" for name, told in found.items())
        )
    rows = {name: own.query(f"select count(*) from {name}")[0][0] for name in TABLES}
    empty = [name for name in TABLES if not rows[name]]
    return (
        f"{len(TABLES)} tables equal, of which {len(empty)} have no rows ({', '.join(empty)});"
        f" {rows['bronze.raw_events']:,} lines, {rows['gold.predictions']:,} users scored"
    )


def main() -> None:
    """Compare, and print what was found."""
    with tempfile.TemporaryDirectory(prefix="likely_buyers_real_shop_") as folder:
        say(f"Online Retail on DuckDB and on Spark: {compared(Path(folder) / 'shop')}")


if __name__ == "__main__":
    main()
