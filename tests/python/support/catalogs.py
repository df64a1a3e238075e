"""Events in a table that another system writes to, beside the project's own, on DuckDB and on Spark."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from support.installation import Installation
from support.lakes import open_lake
from support.twins import Twins

_SOURCE = """
sources:
  - name: shop
    schema: shop
    tables:
      - name: clicks
"""
VARIABLES = {
    "events_relation": {
        "relation": "source('shop', 'clicks')",
        "cursor": "updated_at",
        "key": ["id"],
    },
    "event_mapping": "mine",
    "event_mappings": {
        "mine": {
            "event_time": "happened",
            "event_type": "kind",
            "user_id": "customer",
            "price": "price",
            "time_zone": "America/New_York",
            "dedupe_on": ["id"],
        }
    },
}
_WORDS = (
    {"naive": "timestamp", "moment": "timestamptz", "using": ""},
    {"naive": "timestamp_ntz", "moment": "timestamp", "using": "using parquet"},
)
# a table of Parquet files takes rows, and no change of one
_AS_DELTA = (
    "create table shop.changeable using delta as select * from shop.clicks",
    "drop table shop.clicks",
    "alter table shop.changeable rename to shop.clicks",
)
TABLES = (
    *("bronze.raw_events", "bronze.loads"),
    *("silver.events", "silver.left_out_lines", "silver.quarantined_events"),
)


@dataclass
class Catalogs:
    """The schema `shop` of both warehouses."""

    twins: Twins

    @classmethod
    def beside(cls, twins: Twins) -> "Catalogs":
        """With a DuckDB of its own, on the cluster of the twins."""
        assert twins.duckdb.folder
        (twins.duckdb.folder / "seeds" / "_shop.yml").write_text(_SOURCE)
        own = Installation(twins.folder / "state_of_relation", folder=twins.duckdb.folder)
        return cls(replace(twins, duckdb=own))

    def run(self, *statements: str) -> None:
        """On both; what they call their types stands in braces."""
        ours, theirs = ([one.format(**words) for one in statements] for words in _WORDS)
        with open_lake(self.twins.duckdb.state) as lake:
            lake.execute("set TimeZone = 'UTC'")
            for statement in ours:
                lake.execute(statement)
        self.twins.spark.queries(*theirs)

    def make_changeable(self) -> None:
        """Of Spark's table of Parquet files one of Delta, with the same rows."""
        self.twins.spark.queries(*_AS_DELTA)

    def built(self, *flags: str, tables: Sequence[str] = TABLES) -> list[str]:
        """What a build said, on both; their tables are equal."""
        said = [
            sorted(re.findall(r"likely_buyers: .*", one.built(*flags, variables=VARIABLES).output))
            for one in (self.twins.duckdb, self.twins.spark)
        ]
        assert said[0] == said[1]
        assert self.differences(tables) == {}
        return said[0]

    def differences(self, tables: Sequence[str]) -> dict[str, str]:
        """As of `Twins`, and of the register but for when it was read."""
        files = "select load_id, source_file, line_count, replaces_earlier, cursor_value from bronze.loaded_files"
        ours = sorted(
            [str(value).lower() for value in row] for row in self.twins.duckdb.query(files)
        )
        theirs = sorted([value.lower() for value in row] for row in self.twins.spark.query(files))
        return self.twins.differences(*tables) | (
            {} if ours == theirs else {"bronze.loaded_files": f"{ours} {theirs}"}
        )
