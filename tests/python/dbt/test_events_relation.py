"""Tables as sources: what a table has now is what bronze has, whatever came in between, and no build doubles a row."""

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from likely_buyers.errors import said_by
from likely_buyers.libpq import tls_options
from likely_buyers.sources import SourceProblem
from likely_buyers.sources.relation import Known, Relation, Warehouse, plan_relation
from likely_buyers.sql_text import literal
from support.installation import Finished, Installation
from support.published_gold import PASSWORD, Postgres, postgres_server, speak_to

MAPPING = {
    "event_time": "happened",
    "event_type": "kind",
    "user_id": "customer",
    "product_id": "sku",
    "price": "price",
    "dedupe_on": ["id"],
}
# up to the events, and what counts them
SELECTED = "+events loads rejected_lines"
COLUMNS = "id, happened, kind, customer, sku, price, updated_at"
TABLE = """(
    id bigint, happened timestamp, kind text, customer text, sku text, price decimal(10, 2), updated_at timestamp
)"""
KEYED = {"database": "postgres", "table": "shop.clicks", "cursor": "updated_at", "key": ["id"]}
NOT_KEYED = {name: KEYED[name] for name in ("database", "table", "cursor")}


def clicks(*rows: tuple[int, str, str]) -> str:
    """(id, user, time in January 2026 of the last change), as VALUES."""
    return ", ".join(
        f"({number}, timestamp '2026-01-01 10:00:00', 'view', '{user}', 'x', 2.50,"
        + (f" timestamp '2026-01-{changed}')" if changed else " null)")
        for number, user, changed in rows
    )


class Shop:
    """A database with a table of clicks, and the warehouse that reads it."""

    def __init__(self, folder: Path, relation: dict[str, Any] | str) -> None:
        self.relation = relation
        self.warehouse = Installation(folder / "state")
        self.changes: dict[str, Any] = {}

    def build(
        self, *flags: str, into: Installation | None = None, select: str = SELECTED
    ) -> Finished:
        variables = {
            "events_relation": self.relation,
            "event_mapping": "mine",
            "event_mappings": {"mine": MAPPING},
            **self.changes,
        }
        chosen = ("--select", *select.split(), *flags)
        return (into or self.warehouse).build_models(*chosen, variables=variables)

    def built(self, *flags: str) -> str:
        finished = self.build(*flags)
        assert finished.succeeded, finished.output
        return " ".join(finished.output.split())

    def refused(self, select: str = "event_types raw_events") -> str:
        """What a build that must stop said; nothing of it is loaded."""
        before = self.rows()
        finished = self.build(select=select)
        assert not finished.succeeded, finished.output
        assert self.rows() == before
        return " ".join(finished.output.split())

    def rows(self) -> list[tuple[Any, ...]]:
        """Bronze's rows as (id, user, load)."""
        try:
            return self.warehouse.query(
                "select id, customer, load_id from bronze.raw_events order by all"
            )
        except (duckdb.CatalogException, duckdb.IOException):
            return []

    def ids(self) -> list[int]:
        return [row[0] for row in self.rows()]

    def stands(self) -> None:
        """Files add up to rows, loads to lines, and increments to what a full refresh makes of the same rows."""
        assert self.warehouse.query(
            "select (select sum(line_count) from (from bronze.loaded_files"
            " qualify row_number() over (partition by source_file order by load_id desc) = 1)),"
            " (select count(*) from bronze.raw_events), (select sum(line_count) from told_events),"
            " (select sum(lines) from bronze.loads where load_id >= (select coalesce(max(load_id), 0)"
            "  from bronze.loaded_files where replaces_earlier and cursor_value is null))"
        ) in [[(len(self.rows()),) * 4], [(len(self.rows()),) * 3 + (None,)]]  # fmt: skip

    def equals_a_full_refresh(self) -> None:
        again = Installation(self.warehouse.state.with_name("again"))
        finished = self.build(into=again)
        assert finished.succeeded, finished.output
        for query in (
            f"select {COLUMNS} from bronze.raw_events order by all",
            "select * from told_events order by all",
        ):
            assert again.query(query) == self.warehouse.query(query)


class Bronze:
    """What the hooks of raw_events do with a plan, without dbt: for what the plan itself decides."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loads: list[Known] = []
        self.connection = duckdb.connect()
        self.connection.execute(
            "set TimeZone = 'UTC'; create table raw_events (source_file text, load_id bigint)"
        )

    def load(self, relation: dict[str, Any]) -> str:
        """Take in what is new; what was told."""
        checked = Relation.of(relation, None, self.folder / "catalog.ducklake")
        number, rows = len(self.loads) + 1, "raw_events" if self.loads else None
        warehouse = Warehouse(self.connection, rows)
        plan = plan_relation(checked, self.loads, number, self.folder / "staging", warehouse)
        for file in plan["files"]:
            if file["replaced"]:
                self.connection.execute(f"delete from raw_events where {file['replaced']}")
            self.connection.execute(
                "create or replace table raw_events as select * from raw_events union all by name"
                f" select *, {literal(file['path'])} as source_file, {number} as load_id"
                f" from {literal(file['read_path'])}"
            )
            self.loads.insert(
                0, Known(file["path"], file["digest"], tuple(file["columns"]), file["cursor_value"])
            )
        return " ".join(plan["told"])

    def refuses(self, relation: dict[str, Any]) -> str:
        with pytest.raises(SourceProblem) as refused:
            self.load(relation)
        return str(refused.value)

    def rows(self, columns: str = "id, customer, load_id") -> list[tuple[Any, ...]]:
        return self.connection.sql(f"select {columns} from raw_events order by all").fetchall()


@pytest.fixture
def bronze(tmp_path: Path) -> Iterator[Bronze]:
    bronze = Bronze(tmp_path)
    yield bronze
    bronze.connection.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection[Any]]:
    speak_to(server, monkeypatch)
    with psycopg.connect(server.address(), autocommit=True) as connection:
        connection.execute("drop schema if exists shop cascade")
        connection.execute("create schema shop")
        connection.execute(f"create table shop.clicks {TABLE}")
        yield connection


def insert(connection: Any, *rows: tuple[int, str, str]) -> None:
    connection.execute(f"insert into shop.clicks values {clicks(*rows)}")


def test_a_table_of_postgres_is_read_from_where_the_last_load_ended(
    postgres: psycopg.Connection[Any], tmp_path: Path
) -> None:
    shop = Shop(tmp_path, KEYED)
    insert(postgres, (1, "a", "01"), (2, "b", "02"), (3, "c", "02"))
    assert "load 1: 3 lines of 1 file: 3 new events of 3 users" in shop.built()
    # nothing new is no load, and builds nothing anew
    shop.built()
    assert shop.warehouse.query(
        "select format, source_file, cursor_value from bronze.loaded_files"
    ) == [("relation", "postgres:shop.clicks, load 1", "2026-01-02 00:00:00")]
    # one that is new, one that shares the last value and came later, one that changed
    insert(postgres, (4, "d", "03"), (5, "e", "02"))
    postgres.execute(
        f"delete from shop.clicks where id = 1; insert into shop.clicks values {clicks((1, 'z', '03'))}"
    )
    told = shop.built()
    assert "load 2: 3 lines of 1 file: 3 new events" in told, told[1500:]
    assert shop.rows() == [(1, "z", 2), (2, "b", 1), (3, "c", 1), (4, "d", 2), (5, "e", 2)]
    assert shop.warehouse.query("select user_id from silver.events order by 1") == [
        (user,) for user in "bcdez"
    ]
    assert shop.warehouse.query(
        "select load_id, line_count, replaces_earlier from bronze.loaded_files order by 1"
    ) == [(1, 2, False), (2, 3, True)]
    assert shop.warehouse.query("select load_id, lines, events from bronze.loads order by 1") == [
        (1, 2, 2),
        (2, 3, 3),
    ]
    shop.stands()
    shop.equals_a_full_refresh()
    # what is deleted at the source stays
    postgres.execute("delete from shop.clicks where id = 2")
    shop.built()
    assert shop.ids() == [1, 2, 3, 4, 5]
    shop.built("--full-refresh")
    assert shop.ids() == [1, 3, 4, 5]
    assert not (shop.warehouse.state / "staging").exists()


def test_appended_rows_are_taken_in_by_themselves(
    postgres: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """Rows equal in all columns are as many as in the table; appends do not start silver over."""
    shop = Shop(tmp_path, NOT_KEYED)
    insert(postgres, (1, "a", "01"), (2, "b", "02"), (2, "b", "02"))
    shop.built()
    first_load = "select rowid from bronze.loads where load_id = 1"
    written = shop.warehouse.query(first_load)
    insert(postgres, (2, "b", "02"), (3, "c", "02"), (4, "d", ""), (4, "d", ""))
    told = shop.built()
    assert "2 rows of the relation 'postgres:shop.clicks' have no updated_at" in told
    assert shop.rows() == [
        (1, "a", 1), (2, "b", 1), (2, "b", 1), (2, "b", 2), (3, "c", 2), (4, "d", 2), (4, "d", 2),
    ]  # fmt: skip
    shop.built()
    assert len(shop.rows()) == 7
    assert len(written) == 1
    assert shop.warehouse.query(first_load) == written
    shop.stands()
    shop.equals_a_full_refresh()


def test_a_late_commit_is_found_within_the_lookback(
    postgres: psycopg.Connection[Any], bronze: Bronze
) -> None:
    insert(postgres, (1, "a", "10 08:00:00"), (2, "b", "10 12:00:00"))
    late = psycopg.connect(postgres.info.dsn, password=PASSWORD)
    insert(late, (3, "late", "10 11:30:00"))
    bronze.load(KEYED)
    late.commit()
    insert(postgres, (4, "too late", "10 10:30:00"))
    bronze.load(KEYED)
    assert bronze.rows() == [(1, "a", 1), (2, "b", 1)]
    # the limit: what is older than the lookback stays out
    for relation in (KEYED, NOT_KEYED):
        bronze.load(relation | {"lookback": "1 hour"})
    # another key is another definition: all is read and compared
    assert bronze.rows() == [(1, "a", 1), (2, "b", 1), (3, "late", 2), (4, "too late", 3)]
    bronze.load(NOT_KEYED | {"lookback": "1 hour"})
    assert len(bronze.rows()) == 4


def test_a_lookback_without_a_key_doubles_nothing(
    postgres: psycopg.Connection[Any], bronze: Bronze
) -> None:
    insert(postgres, (1, "a", "10 11:00:00"), (2, "b", "10 12:00:00"), (2, "b", "10 12:00:00"))
    relation = NOT_KEYED | {"lookback": "2 days"}
    bronze.load(relation)
    insert(postgres, (1, "a", "10 11:00:00"), (3, "c", "09 00:00:00"), (4, "d", "01"))
    bronze.load(relation)
    bronze.load(relation)
    assert bronze.rows() == [(1, "a", 1), (1, "a", 2), (2, "b", 1), (2, "b", 1), (3, "c", 2)]


def test_a_value_of_the_future_hides_no_rows(
    postgres: psycopg.Connection[Any], bronze: Bronze
) -> None:
    insert(postgres, (1, "a", "01"), (2, "b", "02"), (9, "never", "01"))
    postgres.execute("update shop.clicks set updated_at = '2999-01-01' where id = 1")
    postgres.execute("update shop.clicks set updated_at = 'infinity' where id = 9")
    bronze.load(KEYED)
    assert bronze.loads[0].cursor_value == "2026-01-02 00:00:00"
    insert(postgres, (3, "c", "03"))
    bronze.load(KEYED)
    bronze.load(KEYED)
    assert bronze.rows() == [(1, "a", 1), (2, "b", 1), (3, "c", 2), (9, "never", 1)]
    postgres.execute("truncate shop.clicks")
    assert "has no row left whose updated_at is 2026-01-03 00:00:00 or more" in bronze.load(KEYED)


def test_columns_come_and_go(postgres: psycopg.Connection[Any], bronze: Bronze) -> None:
    """A column that came later, or has another type now, makes no row new."""
    insert(postgres, (1, "a", "01"), (2, "b", "02"))
    bronze.load(NOT_KEYED)
    postgres.execute("alter table shop.clicks add column note text default 'none', drop column sku")
    postgres.execute("alter table shop.clicks alter column id type integer")
    bronze.load(NOT_KEYED)
    bronze.load(NOT_KEYED)
    postgres.execute(
        f"insert into shop.clicks select {COLUMNS.replace('sku, ', '')}, 'new'"
        f" from (values {clicks((3, 'c', '03'))}) as rows ({COLUMNS})"
    )
    bronze.load(NOT_KEYED)
    # rows from before the column are read again beside those that have it
    bronze.load(NOT_KEYED | {"lookback": "5 days"})
    assert bronze.rows("id, note, load_id") == [(1, None, 1), (2, None, 1), (3, "new", 2)]
    postgres.execute("alter table shop.clicks rename column updated_at to changed")
    told = bronze.refuses(NOT_KEYED)
    assert "has no column 'updated_at', which vars.events_relation names as its cursor" in told
    assert "Found: id, happened, kind, customer, price, changed, note" in told


def test_a_column_that_the_mapping_needs_is_told_when_it_goes(
    postgres: psycopg.Connection[Any], tmp_path: Path
) -> None:
    shop = Shop(tmp_path, KEYED)
    insert(postgres, (1, "a", "01"))
    assert shop.build(select="event_types raw_events").succeeded
    postgres.execute("alter table shop.clicks drop column customer")
    postgres.execute("update shop.clicks set updated_at = '2026-01-04'")
    told = shop.refused()
    assert "the relation 'postgres:shop.clicks' has no column 'customer'" in told
    assert "needs for 'user_id'" in told


def test_no_password_is_written_anywhere(postgres: psycopg.Connection[Any], tmp_path: Path) -> None:
    """As dbt is run by hand, with its whole log and its artifacts in the state folder."""
    insert(postgres, (1, "a", "01"))
    warehouse = Installation(
        tmp_path / "state", settings={"DBT_LOG_LEVEL_FILE": "debug", "DBT_LOG_LEVEL": "debug"}
    )
    variables = {
        "events_relation": KEYED,
        "event_mapping": "mine",
        "event_mappings": {"mine": MAPPING},
    }
    finished = warehouse.built("--select", "event_types", "raw_events", variables=variables)
    assert warehouse.query("select count(*) from bronze.raw_events") == [(1,)]
    written = [path for path in warehouse.state.rglob("*") if path.is_file()]
    assert {"dbt.log", "manifest.json", "raw_events.sql"} <= {path.name for path in written}
    for secret in (PASSWORD, PASSWORD.replace("/", "\\/")):
        assert secret not in finished.output
        assert not [path for path in written if secret.encode() in path.read_bytes()]


def test_who_cannot_be_asked_is_told_without_the_password(
    postgres: psycopg.Connection[Any],
    server: Postgres,
    bronze: Bronze,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", "a wrong secret")
    told = bronze.refuses(KEYED)
    assert "Set PGPASSWORD (or PGPASSFILE)" in told
    assert "a wrong secret" not in told
    assert said_by(ValueError("refused:\na wrong secret")) == "refused: <PGPASSWORD>"
    monkeypatch.delenv("PGPASSWORD")
    assert "Set PGPASSWORD (or PGPASSFILE)" in bronze.refuses(KEYED)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PGPORT", "1")
    assert "Check PGHOST, PGPORT, PGDATABASE and PGUSER of the environment" in bronze.refuses(KEYED)
    monkeypatch.setenv("PGPORT", str(server.port))
    # a server elsewhere has to prove who it is
    monkeypatch.setenv("PGHOST", "not-loopback.example")
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1,10.0.0.1")
    monkeypatch.setenv("PGHOST", "127.0.0.1,10.0.0.1")
    assert tls_options(os.environ)["sslmode"] == "verify-full"
    monkeypatch.delenv("PGHOSTADDR")
    monkeypatch.delenv("PGHOST")
    assert "the environment variable PGHOST is not set" in bronze.refuses(KEYED)


@pytest.mark.parametrize(
    ("relation", "told"),
    [
        ({"database": "oracle", "table": "clicks"}, "database must be one of postgres, mysql, sqlite, duckdb; found: oracle"),  # noqa: E501
        (KEYED | {"password": "hunter2"}, "unknown key 'password'"),
        (KEYED | {"table": "shop.orders"}, "Found: shop.clicks"),
        (KEYED | {"table": "shop.clicks; drop table x"}, "table must be schema.table"),
        (KEYED | {"table": 'shop."clicks"";x"'}, "Found: shop.clicks"),
        (KEYED | {"cursor": "customer"}, "is of type VARCHAR, which gives no safe order"),
        (KEYED | {"key": ["kind"]}, "does not tell the rows of 'postgres:shop.clicks' apart: (view) comes 2 times"),
        (KEYED | {"key": ["updated_at"]}, "has a null in it"),
        (KEYED | {"key": ["number"]}, "has no column 'number', which vars.events_relation names as its key"),
        (KEYED | {"lookback": "1 fortnight"}, "lookback must be a time such as '1 hour'"),
        (KEYED | {"lookback": 7}, "does not fit the cursor 'updated_at' of type TIMESTAMP"),
        ({"database": "postgres", "table": "shop.clicks", "key": ["id"]}, "no cursor that they belong to"),
        ({"database": "sqlite", "table": "clicks"}, "sqlite is a file: give its path"),
        ({"database": "duckdb", "table": "clicks", "path": "/no/such.file"}, "which is not there"),
        (KEYED | {"path": "x"}, "leave path out"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_meant_is_told(
    postgres: psycopg.Connection[Any], bronze: Bronze, relation: dict[str, Any], told: str
) -> None:
    insert(postgres, (1, "a", "01"), (2, "b", ""))
    found = bronze.refuses(relation)
    assert told in found
    assert "hunter2" not in found


def test_an_extension_that_is_not_installed_is_told_with_what_to_type(
    postgres: psycopg.Connection[Any], bronze: Bronze, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb_extension_postgres_scanner", None)
    assert "pip install 'likely_buyers[postgres]'" in bronze.refuses(KEYED)


def test_a_setting_that_names_no_relation_is_told(tmp_path: Path) -> None:
    shop = Shop(tmp_path, KEYED)
    shop.changes = {"events_path": "/data/events"}
    told = shop.refused(select="raw_events")
    assert "both vars.events_path (/data/events) and vars.events_relation (shop.clicks)" in told
    shop = Shop(tmp_path, "stg_events")
    assert "ref('model') or source('name', 'table')" in shop.refused(select="raw_events")


def test_without_a_cursor_a_changed_relation_is_read_whole(
    postgres: psycopg.Connection[Any], tmp_path: Path
) -> None:
    shop = Shop(tmp_path, {"database": "postgres", "table": "shop.clicks"})
    assert "holds no row" in shop.refused()
    insert(postgres, (1, "a", "01"), (2, "b", "02"))
    shop.built()
    shop.built()
    assert shop.rows() == [(1, "a", 1), (2, "b", 1)]
    postgres.execute(
        "update shop.clicks set customer = 'z' where id = 1; delete from shop.clicks where id = 2"
    )
    shop.built()
    assert shop.rows() == [(1, "z", 2)]
    assert shop.warehouse.query("select user_id from silver.events") == [("z",)]
    shop.stands()
    # then with one: what is there is not doubled
    shop.relation = KEYED
    shop.built()
    assert shop.rows() == [(1, "z", 2)]
    insert(postgres, (3, "c", "03"))
    shop.built()
    assert shop.rows() == [(1, "z", 2), (3, "c", 3)]
    shop.stands()
    # and without one again
    shop.relation = {"database": "postgres", "table": "shop.clicks"}
    shop.built()
    assert shop.rows() == [(1, "z", 4), (3, "c", 4)]
    shop.stands()
    postgres.execute("delete from shop.clicks")
    assert "is empty, and bronze has rows of it" in shop.refused()


def test_types_come_from_the_table(postgres: psycopg.Connection[Any], bronze: Bronze) -> None:
    postgres.execute(
        "alter table shop.clicks add column zone timestamptz default '2026-01-01 12:00:00+02',"
        " add column lists int[] default '{1,2}', add column document jsonb default '{\"a\": 1}',"
        " add column code uuid default '00000000-0000-0000-0000-000000000001',"
        " add column span interval default '1 day',"
        ' add column "it\'s odd" boolean default true'
    )
    postgres.execute(f"insert into shop.clicks ({COLUMNS}) values {clicks((1, 'a', '01'))}")
    bronze.load(KEYED)
    bronze.load(KEYED)
    assert bronze.rows(
        "zone::timestamp::varchar, lists, document ->> 'a', code::varchar, span, \"it's odd\","
        " typeof(zone), typeof(price)"
    ) == [
        (
            *(
                "2026-01-01 10:00:00",
                [1, 2],
                "1",
                "00000000-0000-0000-0000-000000000001",
                "1 day",
                True,
            ),
            *("TIMESTAMP WITH TIME ZONE", "DECIMAL(10,2)"),
        )
    ]
    postgres.execute('alter table shop.clicks add column "a""quote" int')
    assert "a name with a double quote" in bronze.refuses(KEYED)


def rows_read_by_whole_scans(postgres: psycopg.Connection[Any]) -> int:
    """A session's scans are counted when it is over; those of this one when it is asked to, else seconds later."""
    others = "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
    deadline = time.monotonic() + 60
    while postgres.execute(others).fetchall() != [(0,)]:
        assert time.monotonic() < deadline, "a session of a load has not ended"
        time.sleep(0.05)
    postgres.execute("select pg_stat_force_next_flush()")
    read = "select seq_tup_read from pg_stat_user_tables where relname = 'clicks'"
    ((rows,),) = postgres.execute(read).fetchall()
    return int(rows)


def test_the_server_finds_the_rows_by_its_index(
    postgres: psycopg.Connection[Any], bronze: Bronze
) -> None:
    """Those without a value, too: for `is null` alone DuckDB would fetch the whole table at each build."""
    insert(postgres, (1, "a", "02"), (2, "b", ""))
    postgres.execute(
        "insert into shop.clicks select n, happened, kind, customer, sku, price, timestamp '2025-12-01'"
        " from shop.clicks, generate_series(10, 20000) as n where id = 1"
    )
    postgres.execute("create index on shop.clicks (updated_at)")
    postgres.execute("vacuum analyze shop.clicks")
    bronze.load(KEYED)
    before = rows_read_by_whole_scans(postgres)
    insert(postgres, (3, "c", "03"), (4, "d", ""))
    bronze.load(KEYED)
    assert rows_read_by_whole_scans(postgres) == before
    assert bronze.rows("count(*), count(*) filter (load_id = 2)") == [(19995, 2)]


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_file_of_a_database(bronze: Bronze, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"it's a shop.{kind}"
    opened: Any = sqlite3.connect(file, isolation_level=None) if kind == "sqlite" else None

    def execute(text: str) -> None:
        if opened:
            opened.execute(text.replace("timestamp '", "'"))
        else:
            with duckdb.connect(str(file)) as connection:
                connection.execute(text)

    execute(f"create table clicks {TABLE}")
    of_file = {"database": kind, "path": str(file), "table": "clicks"}
    keyed = of_file | {"cursor": "updated_at", "key": ["id"]}
    execute(f"insert into clicks values {clicks((1, 'a', '01'), (2, 'b', '02'))}")
    bronze.load(keyed)
    execute(f"insert into clicks values {clicks((3, 'c', '02'), (4, 'd', ''))}")
    execute("update clicks set customer = 'z', updated_at = '2026-01-03' where id = 1")
    bronze.load(keyed)
    bronze.load(keyed)
    assert bronze.rows() == [(1, "z", 2), (2, "b", 1), (3, "c", 2), (4, "d", 2)]
    with pytest.raises(SourceProblem, match="no column 'code', which is in its key: they cannot"):
        execute("alter table clicks add column code int default 1")
        execute("update clicks set code = id")
        bronze.load(keyed | {"key": ["code"]})
    execute("alter table clicks drop column code")
    # by a number, with a lookback of numbers
    numbers = Bronze(tmp_path / "numbers")
    by_number = of_file | {"table": "main.clicks", "cursor": "id", "lookback": 2}
    execute(f"insert into clicks values {clicks((6, 'f', '06'))}")
    numbers.load(by_number)
    execute(f"insert into clicks values {clicks((5, 'e', '05'), (7, 'g', '07'))}")
    numbers.load(by_number)
    assert numbers.rows("count(*), max(load_id), sum(id)") == [(7, 2, 28)]
    assert "the warehouse itself" in refused_as_warehouse(of_file, file)


def test_what_is_lost_is_a_share_of_the_rows_that_are_new_where_others_are_replaced(
    tmp_path: Path,
) -> None:
    """A key makes silver start over; beside all that it had before, a broken day would be nothing."""
    file = tmp_path / "shop.duckdb"

    def execute(text: str) -> None:
        with duckdb.connect(str(file)) as connection:
            connection.execute(text)

    def insert_clicks(first: int, count: int, day: str) -> None:
        rows = clicks(*((number, "u", day) for number in range(first, first + count)))
        execute(f"insert into clicks values {rows}")

    execute(f"create table clicks {TABLE}")
    insert_clicks(1, 200, "01")
    shop = Shop(tmp_path, {"database": "duckdb", "path": str(file), "table": "clicks",
                           "cursor": "updated_at", "key": ["id"]})  # fmt: skip
    assert "are no events" not in shop.built()
    # each load replaces a row: first by one that is broken, among nine others
    insert_clicks(201, 9, "02")
    execute("update clicks set kind = 'x', updated_at = '2026-01-02' where id = 1")
    told = shop.built()
    assert "1 of 10 new lines (10 %) are no events" in told
    assert "1 unknown_event_type" in told
    events = "select count(*) from silver.events"
    assert shop.warehouse.query(events) == [(208,)]
    insert_clicks(210, 2, "03")
    execute("update clicks set kind = 'x', updated_at = '2026-01-03' where id in (2, 3, 210)")
    for _ in range(2):
        stopped = shop.build()
        assert not stopped.succeeded, stopped.output
        told = " ".join(stopped.output.split())
        assert "3 of 4 new lines (75 %) are no events" in told
        assert "the build stops before silver" in told
        # those that were there, without what bronze has another version of by now
        assert shop.warehouse.query(events) == [(206,)]
    shop.changes = {"stop_left_over": 0.75}
    assert "3 of 4 new lines (75 %) are no events" in shop.built()
    assert shop.warehouse.query(events) == [(207,)]


def refused_as_warehouse(relation: dict[str, Any], file: Path) -> str:
    with pytest.raises(SourceProblem) as refused:
        Relation.of(relation, None, file)
    return str(refused.value)


def test_a_relation_of_dbt_is_built_first(tmp_path: Path) -> None:
    """A model or seed by ref, here the seed of event types: a build knows that it comes first."""
    warehouse = Installation(tmp_path / "state")
    mapping = {
        "event_time": "timestamp '2026-01-01'",
        "event_type": "event_type",
        "user_id": "event_mapping",
        "product_id": "source_value",
    }
    variables = {
        "events_relation": "ref('event_types')",
        "event_mapping": "mine",
        "event_mappings": {"mine": mapping},
    }
    warehouse.built("--select", "+raw_events", variables=variables)
    assert warehouse.query(
        "select count(*) = (select count(*) from bronze.event_types), max(load_id), min(source_file)"
        " from bronze.raw_events"
    ) == [(True, 1, "ref('event_types')")]
