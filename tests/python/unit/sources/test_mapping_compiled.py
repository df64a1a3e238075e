"""What becomes of a mapping's expressions, tried on tables of a database in memory."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.mapping import Compiler, EventMapping, Warehouse
from likely_buyers.sources.mapping.dialect import Described, DuckDB
from likely_buyers.sources.sql_helpers import create_helpers, use_helpers
from likely_buyers.sql_text import literal

MAPPING = {"event_time": "as_utc(t)", "event_type": "kind", "user_id": "u", "price": "p"}


class Loaded:
    """A warehouse with raw_events of these columns and one line."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        create_helpers(self.connection)
        use_helpers(self.connection)
        self.compiler = Compiler(self.connection)

    def load(self, **values: str) -> None:
        columns = "".join(f'{value} as "{name}", ' for name, value in values.items())
        self.connection.execute(
            f"create or replace table raw_events as select {columns}'f' as source_file, 1::bigint as load_id,"
            " now()::timestamp as loaded_at"
        )

    def register(self, **columns: list[str]) -> None:
        self.connection.execute("create table register (source varchar, source_columns varchar)")
        self.connection.execute("create table loaded_files (source varchar, source_file varchar)")
        for source, names in columns.items():
            self.connection.execute(
                "insert into register values (?, ?)", [source, json.dumps(names)]
            )
            self.connection.execute("insert into loaded_files values (?, 'f')", [source])

    def compiled(self, *, can_be_read: bool = True, **keys: Any) -> dict[str, Any]:
        warehouse = Warehouse(
            raw_events="raw_events" if can_be_read else None,
            loaded_files="loaded_files",
            register="register",
            relations=keys.pop("relations", {}),
        )
        return self.compiler.compiled(EventMapping.of("mine", MAPPING | keys), warehouse)

    def value(self, expression: str, pieces: dict[str, Any]) -> Any:
        rows = f"select *{pieces['absent']} from raw_events".join(pieces["rows"])
        return self.connection.execute(f"select {expression} from {rows} as rows").fetchone()[0]  # type: ignore[index]


@pytest.fixture
def loaded() -> Iterator[Loaded]:
    warehouse = Loaded()
    warehouse.load(t="'2026-01-01 10:00:00'", kind="'view'", u="'u1'", p="'x'")
    yield warehouse
    warehouse.connection.close()


def test_an_expression_that_fails_is_null_and_its_text_says_so(loaded: Loaded) -> None:
    pieces = loaded.compiled(price="cast(p as double)")
    assert loaded.value(pieces["expressions"]["price"]["value"], pieces) is None
    assert loaded.value(pieces["expressions"]["price"]["text"], pieces) == "unreadable"


@pytest.mark.parametrize(
    ("expression", "given", "text"),
    [
        ("as_number(p)", "'cheap'", "unreadable: cheap"),
        # a cast takes it for 12
        ("as_number(p)", "'1_2'", "unreadable: 1_2"),
        ("as_number(p, ',') / 100", "'12,5,0'", "unreadable: 12,5,0"),
        ("nullif(try_cast(p as double), 0)", "'cheap'", "unreadable: cheap"),
        ("try_cast(cast(p as json) ->> 'x' as int)", """'{"x": "y"}'""", "unreadable: y"),
        ("as_number(cast(p as json) -> 'x')", """'{"x": "y"}'""", 'unreadable: "y"'),
        ("case when u = 'u1' then as_number(p) else as_number(kind) end", "'1'", "1.000000"),
        ("coalesce(as_number(u), as_number(p))", "'1'", "1.000000"),
        ("as_number(cast(p as int))", "'x'", "unreadable"),
        ("list_sum(list_transform([p], lambda x: try_cast(x as int)))", "'x'", ""),
        ("case when u = 'u1' then as_number(p) else 0 end", "'cheap'", "unreadable: cheap"),
        ("as_number(p) * try_cast(kind as int)", "'2'", "unreadable: view"),
        # of a branch that is not taken, and of a condition
        ("case when u = 'u2' then as_number(p) end", "'n/a'", ""),
        ("case when try_cast(p as int) > 1 then 1 end", "'x'", ""),
        # what is not there
        ("as_number(p)", "null::varchar", ""),
        ("as_number(p)", "'nan'::double", ""),
        ("nullif(try_cast(p as int), 0)", "'nan'::double", ""),
        ("as_number(p)", "'NULL'", ""),
        ("as_number(p)", "' \u00a0'", ""),
        ("nullif(as_number(p), 0)", "'0'", ""),
        ("as_number(cast(p as json) -> 'x')", """'{"x": null}'""", ""),
        ("try_cast(try_cast(p as json) ->> 'x' as int)", "'x'", ""),
    ],
)
def test_a_number_that_cannot_be_read_says_what_it_was_read_from(
    loaded: Loaded, expression: str, given: str, text: str
) -> None:
    loaded.load(t="'x'", kind="'view'", u="'u1'", p=given)
    pieces = loaded.compiled(price=expression, quantity=expression)
    for column in ("price", "quantity"):
        assert loaded.value(pieces["expressions"][column]["text"], pieces) == text
        typed = pieces["expressions"][column]["typed"].replace(f"source_{column}", literal(text))
        assert (loaded.value(typed, pieces) is None) == (text[:1] != "1")


def test_columns_stand_by_name_whatever_their_order_and_letters(loaded: Loaded) -> None:
    loaded.load(b="1", Z="2.5::double", a="'x'", C="date '2026-01-01'")
    assert loaded.compiled()["columns"] == [
        {"name": "a", "type": "VARCHAR"},
        {"name": "b", "type": "INTEGER"},
        {"name": "C", "type": "DATE"},
        {"name": "Z", "type": "DOUBLE"},
    ]


def test_a_column_that_no_file_has_had_is_null(loaded: Loaded) -> None:
    pieces = loaded.compiled(brand="no_such", user_id=["nor_this", "u"], session_id="kind")
    assert pieces["expressions"]["brand"]["value"] == "null"
    assert [user["name"] for user in pieces["expressions"]["user_id"]] == [
        "given_user_1",
        "given_user_2",
    ]
    users = [loaded.value(user["text"], pieces) for user in pieces["expressions"]["user_id"]]
    assert users == [None, "u1"]
    assert pieces["expressions"]["session_id"] == {"value": "kind", "type": "VARCHAR", "text": "kind"}  # fmt: skip
    # and a quantity that nobody gives is one
    assert pieces["expressions"]["quantity"]["value"] == "1"


def test_a_condition_on_such_a_column_is_not_met(loaded: Loaded) -> None:
    leave_out = {"never": "no_such = 1", "broken": "cast(p as int) = 1", "it's a view": "kind = 'view'"}  # fmt: skip
    pieces = loaded.compiled(leave_out=leave_out)
    assert loaded.value(pieces["left_out"], pieces) == "it's a view"
    assert "no_such" not in pieces["left_out"]
    assert loaded.compiled()["left_out"] == "cast(null as varchar)"


def test_a_whole_number_in_a_floating_column_is_written_as_one(loaded: Loaded) -> None:
    loaded.load(t="'x'", kind="'view'", p="'1'", u="42::double", o="1.5::double")
    pieces = loaded.compiled(session_id="o")
    assert loaded.value(pieces["expressions"]["user_id"][0]["text"], pieces) == "42"
    assert loaded.value(pieces["expressions"]["session_id"]["text"], pieces) == "1.5"


@pytest.mark.parametrize(
    ("given", "zone", "moment"),
    [
        ("'2026-01-01 10:00:00'", "Europe/Paris", "2026-01-01 09:00:00"),
        ("timestamp '2026-01-01 10:00:00'", "Europe/Paris", "2026-01-01 09:00:00"),
        ("timestamp '2026-01-01 10:00:00'", "UTC", "2026-01-01 10:00:00"),
        ("timestamptz '2026-01-01 10:00:00+02'", "Europe/Paris", "2026-01-01 08:00:00"),
    ],
)
def test_a_time_is_read_in_the_zone_of_the_mapping(
    loaded: Loaded, given: str, zone: str, moment: str
) -> None:
    loaded.load(t=given, kind="'view'", u="'u'", p="'1'")
    pieces = loaded.compiled(event_time="t", time_zone=zone)
    time = pieces["expressions"]["event_time"]
    typed = time["typed"].replace("given_event_time", f"({time['value']})")
    assert str(loaded.value(typed, pieces)) == moment
    assert pieces["time_zone"] == zone


def test_what_a_time_was_read_from_is_kept(loaded: Loaded) -> None:
    pieces = loaded.compiled(event_time="as_utc(concat(t, kind, no_such_column))")
    assert loaded.value(pieces["expressions"]["event_time"]["reads"], pieces) == (
        "2026-01-01 10:00:00 view"
    )
    with pytest.raises(SourceProblem, match=r"'mine' has an expression that is no SQL: a, [(]b"):
        loaded.compiled(event_time="a, (b")


def test_a_decimal_comma_is_read_in_texts_alone(loaded: Loaded) -> None:
    loaded.load(t="'x'", kind="'view'", u="'u'", p="'1.234,5'", q="2.5::double")
    pieces = loaded.compiled(decimal=",", quantity="q")
    typed = pieces["expressions"]["price"]["typed"].replace("source_price", "p")
    assert str(loaded.value(typed, pieces)) == "1234.5000"
    assert pieces["expressions"]["quantity"]["typed"] == "try_cast(source_quantity as decimal(18, 3))"  # fmt: skip


def test_what_makes_two_rows_the_same_event(loaded: Loaded) -> None:
    assert loaded.compiled()["event_key"] == ['"kind"', '"p"', '"t"', '"u"']
    assert loaded.compiled(event_id="u || p")["event_key"] == ["try(u || p)"]
    assert loaded.compiled(dedupe_on=["u", "as_utc(t)"])["event_key"] == ["u", "try(as_utc_in('UTC', t))"]  # fmt: skip
    assert loaded.compiled(dedupe_on="none")["event_key"] == ['"kind"', '"p"', '"t"', '"u"']


def test_an_id_is_the_digest_of_names_and_values(loaded: Loaded) -> None:
    """As it has always been: ids of events that are known must not change."""
    loaded.load(B="'x'", a="1", c="null::varchar")
    line = 'select 1 as "source.a", \'x\' as "source.B", null as "source.c", \'k\' as event_key_1'

    def id_of(pieces: dict[str, Any], more: str) -> Any:
        query = f"select {pieces['event_id']} from ({line}, {more})"
        return loaded.connection.execute(query).fetchone()[0]  # type: ignore[index]

    digest = "select md5(chr(31) || 'a=1' || chr(31) || 'b=x')"
    whole = loaded.connection.execute(digest).fetchone()[0]  # type: ignore[index]
    assert id_of(loaded.compiled(), "null as source_event_id") == whole
    by_key = loaded.compiled(dedupe_on=["a", "B"])
    digest = "select md5('k' || chr(31) || 'l')"
    told = loaded.connection.execute(digest).fetchone()[0]  # type: ignore[index]
    assert id_of(by_key, "'l' as event_key_2, null as source_event_id") == told
    # a key that is null in part merges nothing
    assert id_of(by_key, "null as event_key_2, null as source_event_id") == whole
    assert id_of(loaded.compiled(event_id="a"), "'own' as source_event_id") == "own"


def test_rows_may_read_keys_that_no_json_has_had(loaded: Loaded) -> None:
    rows = "select source_file, t, kind, u, p, coupon, shop ->> 'name' as shop_name from lines"
    pieces = loaded.compiled(rows=rows)
    assert [column["name"] for column in pieces["columns"]] == [
        *("coupon", "kind", "p", "shop_name", "t", "u")
    ]
    assert pieces["absent"] == ', cast(null as varchar) as "coupon", cast(null as varchar) as "shop"'  # fmt: skip
    assert loaded.value("coupon", pieces) is None
    # what `rows` does not pass on is there all the same
    assert loaded.value("load_id", pieces) is None
    assert loaded.value("source_file", pieces) == "f"


def test_each_source_has_the_columns_of_its_files(loaded: Loaded) -> None:
    loaded.load(id="'o1'", t="'x'", kind="'view'", u="'u'", sku="'a'", p="'1'")
    loaded.register(orders=["id", "t", "u"], items=["id", "sku", "p"])
    loaded.connection.execute("create table people as select 'u' as u, 'Mia' as name")
    pieces = loaded.compiled(
        sources={"orders": "o*.csv", "items": "i*.csv", "people": "ref('people')"},
        rows="select * exclude (id), items.id from orders join items using (id) join people using (u)",
        relations={"people": "people"},
        event_type="'purchase'",
    )
    assert [column["name"] for column in pieces["columns"]] == ["id", "name", "p", "sku", "t", "u"]
    assert loaded.value("name", pieces) == "Mia"
    assert not pieces["by_line"]


@pytest.mark.parametrize(
    ("rows", "by_line"),
    [
        ("select *, t as moment from lines", True),
        ("select *, unnest([1, 2]) as n from lines", True),
        ("select * from (select t, list_sort([u]) as s from lines) as inner_lines", True),
        ("select t, list_sort(list(u order by t)) as s from lines group by t", False),
        (
            "select * from (select case when t = 'x' then u end as s from lines) as inner_lines",
            True,
        ),
        ("select *, row_number() over (order by t) as n from lines", False),
        ("select t, max(u) as u from lines group by t", False),
        ("select max(u) as u from lines", False),
        ("select * from lines order by t", False),
        ("select distinct * from lines", False),
        ("select * from lines limit 1", False),
        ("select * from lines union all select * from lines", False),
        ("select a.* from lines as a, lines as b", False),
        ("select * from lines qualify true", False),
        ("no sql", False),
    ],
)
def test_which_rows_come_from_one_line_each(rows: str, by_line: bool) -> None:
    with duckdb.connect() as connection:
        create_helpers(connection)
        assert DuckDB(connection).is_by_line(rows) is by_line


def test_before_anything_is_loaded_nothing_is_asked(loaded: Loaded) -> None:
    pieces = loaded.compiled(can_be_read=False, brand="no_such", rows="select * from lines")
    assert pieces["columns"] == []
    assert pieces["expressions"]["brand"]["text"] == "no_such"
    assert pieces["event_key"] == ["1"]
    assert "cast(null as bigint) as load_id" in pieces["rows"][0]


def test_a_mapping_is_compiled_once_until_what_it_follows_from_changes(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    describe = DuckDB.describe

    def counted(self: DuckDB, query: str) -> Described:
        # the columns of a relation are what the answer follows from
        if query.startswith("select"):
            asked.append(query)
        return describe(self, query)

    monkeypatch.setattr(DuckDB, "describe", counted)
    first = loaded.compiled(brand="b")
    questions = len(asked)
    assert questions > 0
    assert loaded.compiled(brand="b") == first
    assert len(asked) == questions
    assert loaded.compiled(brand="kind") != first
    questions = len(asked)
    loaded.load(t="'x'", kind="'view'", u="'u'", p="'1'", b="'acme'")
    assert loaded.compiled(brand="b")["expressions"]["brand"]["value"] == "b"
    assert len(asked) > questions


def test_rows_that_could_not_be_evaluated_are_asked_for_again(loaded: Loaded) -> None:
    joined = {"rows": "select lines.*, name from lines join people using (u)"}
    assert loaded.compiled(**joined)["columns"] == []
    loaded.connection.execute("create table people as select 'u1' as u, 'Mia' as name")
    assert loaded.value("name", loaded.compiled(**joined)) == "Mia"
