"""Reading files: what was written is what is read, and what is broken costs no more than itself.

The files are written, and what must come out is reckoned, with Python's own csv and json; nothing of the project helps.
"""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.installation import Finished, Installation
from support.load_harness import MAPPING, LoadHarness, Refused

Row = dict[str, str | None]

BOUNDED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
COLUMNS = ("number", "first", "second", "third")


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> LoadHarness:
    return LoadHarness(tmp_path_factory.mktemp("harness"))


def texts(encoding: str = "utf-8") -> st.SearchStrategy[str]:
    """Values that are hard to write: delimiters, quotes, line breaks, blanks around, NULL, any letter."""
    special = st.sampled_from(
        [
            ",",
            ";",
            "\t",
            "|",
            '"',
            "'",
            "\\",
            "\n",
            "\r\n",
            "\r",
            " ",
            "  ",
            "#",
            "sep=;",
            "é",
            "小",
            "NULL",
            "\\N",
            '""',
            "'",
        ]
    )
    letters = st.characters(
        codec=encoding,
        exclude_categories=("Cs", "Cc"),
        exclude_characters="\u2028\u2029\x85\ufeff¥\u203e",
    )
    pieces = (special | letters).filter(lambda text: can_be_written(text, encoding))
    return st.lists(pieces, max_size=6).map("".join)


def can_be_written(text: str, encoding: str) -> bool:
    try:
        return text.encode(encoding).decode(encoding) == text
    except UnicodeEncodeError:
        return False


def tables(encoding: str = "utf-8") -> st.SearchStrategy[list[Row]]:
    values = texts(encoding)
    rows = st.lists(st.tuples(values, values, values), min_size=1, max_size=8)
    return rows.map(
        lambda found: [
            dict(zip(COLUMNS, (str(number), *row), strict=True)) for number, row in enumerate(found)
        ]
    )


def as_csv(rows: list[Row], delimiter: str, quoting: Any, end: str) -> str:
    if any("\r" in (value or "") for row in rows for value in row.values()):
        quoting = csv.QUOTE_ALL  # Python 3.11 leaves a lone carriage return without quotes
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


CSV_DIALECTS = [
    (delimiter, quoting, end)
    for delimiter in (",", ";", "\t", "|")
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
    for end in ("\n", "\r\n")
]


def written(folder: Path, name: str, text: str, encoding: str, *, zipped: bool) -> None:
    content = text.encode(encoding)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    path = folder / (name + ".gz" * zipped)
    path.write_bytes(gzip.compress(content, 1) if zipped else content)


def read(
    harness: LoadHarness, folder: Path, **mapping: Any
) -> tuple[list[Row], list[tuple[str, str]]]:
    """Rows by their number, and the rejected lines with their reasons."""
    warehouse = harness.load(folder, **mapping)
    have = {row[0] for row in warehouse.execute("describe bronze.raw_events").fetchall()}
    rows = warehouse.execute(
        "select "
        + ", ".join(c if c in have else f"null as {c}" for c in COLUMNS)
        + " from bronze.raw_events order by try_cast(number as int)"
    ).fetchall()
    rejected = warehouse.execute("select line, reason from bronze.unreadable_lines").fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows], rejected


@pytest.mark.parametrize("encoding", [None, "cp1252", "shift_jis", "utf-16"])
def test_csv_comes_back_as_it_was_written(
    harness: LoadHarness, tmp_path: Path, encoding: str | None
) -> None:
    @BOUNDED
    @given(tables(encoding or "utf-8"), st.sampled_from(CSV_DIALECTS), st.booleans())
    def check(rows: list[Row], dialect: tuple[str, Any, str], zipped: bool) -> None:
        written(
            tmp_path / "in", "a.csv", as_csv(rows, *dialect), encoding or "utf-8", zipped=zipped
        )
        found, rejected = read(harness, tmp_path / "in", encoding=encoding)
        assert rejected == []
        # an empty value of CSV is null
        assert found == [{name: value or None for name, value in row.items()} for row in rows]

    check()


@BOUNDED
@given(
    tables(),
    st.sampled_from(["lines", "array", "pretty", "objects", "parquet"]),
    st.booleans(),
    st.booleans(),
)
def test_json_and_parquet_come_back_as_they_were_written(
    harness: LoadHarness, tmp_path: Path, rows: list[Row], form: str, zipped: bool, ascii: bool
) -> None:
    rows = [{n: v for n, v in row.items() if v != "NULL"} for row in rows]
    if form == "parquet":
        written(tmp_path / "in", "x", "", "utf-8", zipped=False)
        (tmp_path / "in" / "x").unlink()
        pq.write_table(
            pa.Table.from_pylist([{c: row.get(c) for c in COLUMNS} for row in rows]),
            tmp_path / "in" / "a.parquet",
        )
    else:
        text = {
            "lines": lambda: "\n".join(json.dumps(row, ensure_ascii=ascii) for row in rows) + "\n",
            "array": lambda: json.dumps(rows, ensure_ascii=ascii),
            "pretty": lambda: json.dumps(rows, ensure_ascii=ascii, indent=2),
            "objects": lambda: "\n".join(
                json.dumps(row, ensure_ascii=ascii, indent=1) for row in rows
            ),
        }[form]()
        written(tmp_path / "in", "a.json", text, "utf-8", zipped=zipped)
    found, rejected = read(harness, tmp_path / "in")
    assert rejected == []
    assert found == [{name: row.get(name) for name in COLUMNS} for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        '[\n{"number":"1"}\n]',
        '[\n{"number":"1"}\n,{"number":"2"}\n,{"number":"3"}\n]',
        '[{"number":"1"},\n{"number":"2"}\n]',
        '{\n"number":"1",\n"first":[\n{"a":1},\n{"a":2}\n]\n}\n{\n"number":"2"\n}\n',
        '{"number":"1",\n"first":\n{"a":1}\n}',
    ],
)
def test_an_object_on_a_line_of_its_own_makes_no_file_of_lines(
    harness: LoadHarness, tmp_path: Path, text: str
) -> None:
    written(tmp_path / "in", "a.json", text, "utf-8", zipped=False)
    found, rejected = read(harness, tmp_path / "in")
    assert rejected == []
    assert [row["number"] for row in found] == [str(n + 1) for n in range(text.count("number"))]


# --- broken lines: what is broken costs itself, and what is whole comes out ----

ORDINARY = st.text(st.sampled_from("abcé小 0'#-"), min_size=1, max_size=5)
LONG = st.lists(ORDINARY, min_size=2, max_size=3).map("\n".join)


def in_quotes(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@st.composite
def damaged_files(draw: st.DrawFn) -> tuple[list[bytes], list[Row], list[bytes]]:
    """Physical lines of a file, its whole rows, and its broken lines."""
    pieces, rows, broken = [], [], []
    quoted = draw(st.booleans())
    for number in range(draw(st.integers(1, 14))):
        values = [f"{number}"] + [draw(ORDINARY) for _ in COLUMNS[1:]]
        kind = draw(
            st.sampled_from(
                ["whole"] * 5
                + [
                    "over lines",
                    "stray quote",
                    "stray inside",
                    "dropped",
                    "added",
                    "bad bytes",
                    "blank",
                ]
            )
        )
        write: Callable[[str], str] = in_quotes if quoted else str
        if kind == "over lines":
            values[2] = draw(LONG)
            line = ",".join([write(values[0]), values[1], in_quotes(values[2]), values[3]]).encode()
        else:
            line = ",".join(map(write, values)).encode()
        if kind == "blank":
            pieces.append(b"\n")
            continue
        if kind in ("whole", "over lines"):
            rows.append(dict(zip(COLUMNS, values, strict=True)))
        elif kind == "stray quote":
            at = line.index(b",") + 1
            line = line[:at] + b'"' + line[at:]
        elif kind == "stray inside":
            line = b'"' + line if not quoted else line.replace(b'"', b'""', 1)
        elif kind == "dropped":
            line = line.rsplit(b",", 1)[0]
        elif kind == "added":
            line += b"," + line.rsplit(b",", 1)[1]
        else:
            line = line[:-1] + b"\xff" + line[-1:]
        if kind not in ("whole", "over lines"):
            broken.append(line)
        pieces.append(line + b"\n")
    return pieces, rows, broken


@settings(BOUNDED, max_examples=50)
@given(damaged_files(), st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_a_broken_line_of_csv_costs_itself(
    harness: LoadHarness,
    tmp_path: Path,
    damaged: tuple[list[bytes], list[Row], list[bytes]],
    end: bytes,
    zipped: bool,
) -> None:
    pieces, rows, broken = damaged
    content = b"number,first,second,third\n" + b"".join(pieces)
    folder = tmp_path / "in"
    written(folder, "a.csv", "", "utf-8", zipped=zipped)
    content = content.replace(b"\n", end)
    next(folder.iterdir()).write_bytes(gzip.compress(content) if zipped else content)
    found, rejected = read(harness, folder, encoding="utf-8")
    if end == b"\r\n":
        found = [{n: v and v.replace("\r\n", "\n") for n, v in row.items()} for row in found]
    assert found == rows
    assert sorted(line.replace("\r\n", "\n") for line, _ in rejected) == sorted(
        text.decode("latin-1" if b"\xff" in text else "utf-8") for text in broken
    )
    # every physical line: of a row, rejected, the header, or blank
    values = [value or "" for row in found for value in row.values()]
    blank = sum(not line.strip() for line in pieces)
    counted = len(found) + sum(value.count("\n") for value in values) + len(rejected) + 1 + blank
    assert counted == content.count(b"\n")


@settings(BOUNDED, max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["whole", "cut", "no object", "bad bytes", "two", "blank"]), ORDINARY
        ),
        min_size=1,
        max_size=10,
    )
)
def test_a_broken_line_of_json_costs_itself(
    harness: LoadHarness, tmp_path: Path, drawn: list[tuple[str, str]]
) -> None:
    lines, rows, broken = (
        [b'{"number": "-1", "first": "whole"}'],
        [{"number": "-1", "first": "whole"}],
        [],
    )
    for number, (kind, text) in enumerate(drawn):
        row = {"number": str(number), "first": text}
        line = json.dumps(row, ensure_ascii=False).encode()
        if kind == "whole":
            rows.append(row)
        elif kind == "blank":
            line = b" \t"
        elif kind == "cut":
            line = line[:-2]
        elif kind == "no object":
            line = b"[" + line + b"]"
        elif kind == "two":
            line = line + b" " + line
        else:
            line = line[:-2] + b"\xff" + line[-2:]
        if kind not in ("whole", "blank"):
            broken.append(line.decode("latin-1" if kind == "bad bytes" else "utf-8"))
        lines.append(line)
    written(tmp_path / "in", "a.jsonl", "", "utf-8", zipped=False)
    (tmp_path / "in" / "a.jsonl").write_bytes(b"\n".join(lines))
    found, rejected = read(harness, tmp_path / "in", encoding="utf-8")
    assert [{n: row[n] for n in ("number", "first")} for row in found] == rows
    assert sorted(line for line, _ in rejected) == sorted(broken)


def test_quotes_that_pair_up_over_many_records_take_none_of_them(
    harness: LoadHarness, tmp_path: Path
) -> None:
    between = "".join(f"{n},b,c,d\n" for n in range(1, 4))
    rows, rejected = loaded(
        harness, tmp_path, {"a.csv": f'{HEADER}0,b,c,"d\n{between}4,b,c,d"\n5,b,c,d\n'}
    )
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert rejected == [('0,b,c,"d', "unterminated quote")]
    # a note that looks a little like records is a note
    rows, rejected = loaded(harness, tmp_path, {"a.csv": HEADER + '0,b,c,"1,b,c,d\n2,b,c,d"\n'})
    assert ([row[3] for row in rows], rejected) == (["1,b,c,d\n2,b,c,d"], [])


# --- each promise about files, one small file each ---------------------------

HEADER = "number,first,second,third\n"


def loaded(
    harness: LoadHarness, folder: Path, files: dict[str, str | bytes], **mapping: Any
) -> tuple[list[tuple[Any, ...]], list[tuple[str, str]]]:
    """Rows with their own columns, in order, and the rejected lines."""
    delivered(folder / "in", files)
    warehouse = harness.load(folder / "in", **mapping)
    rows = warehouse.execute(
        "select columns(c -> c not in ('source_file', 'load_id', 'loaded_at')) from bronze.raw_events order by all"
    ).fetchall()
    rejected = warehouse.execute("select line, reason from bronze.unreadable_lines order by all")
    return rows, rejected.fetchall()


def delivered(folder: Path, files: dict[str, str | bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.rglob("*"):
        if old.is_file():
            old.unlink()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def archive(**members: str) -> bytes:
    """A zip file; __ stands for a dot in the names."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name.replace("__", "."), text)
    return content.getvalue()


def zstd(text: str) -> bytes:
    return bytes(pa.compress(text.encode(), codec="zstd", asbytes=True))


PAIRS = [("1", "2"), ("3", "4")]
FOOTER = "2 record(s) downloaded"
READ: dict[str, tuple[dict[str, str | bytes], dict[str, Any], list[tuple[Any, ...]], list[tuple[str, str]]]] = {
    "separator named": ({"a.csv": "sep=;\r\na;b\r\n1;2\r\n3;4\r\n"}, {}, PAIRS, []),
    "separator named in quotes": ({"a.csv": '\ufeff"sep=;"\na;b\n1;2\n3;4\n'}, {}, PAIRS, []),
    "delimiter at all ends": ({"a.csv": "a,b,\n1,2,\n3,4,\n"}, {}, [("1", "2", None), ("3", "4", None)], []),
    "delimiter at ends of records": ({"a.csv": "a,b\n1,2,\n3,4,\n"}, {}, [("1", "2", None), ("3", "4", None)], []),
    "delimiter at the header's end": ({"a.csv": "a,b,\n1,2\n3,4\n"}, {}, PAIRS, []),
    "mixed line ends": ({"a.csv": "a,b\r\n1,2\n3,4\r\n"}, {}, PAIRS, []),
    "a line end in a value is none of the file's": (
        {"a.csv": 'a,b\n1,"\r\n"\n3,4\n'}, {}, [("1", "\r\n"), ("3", "4")], []),
    "carriage returns": ({"a.csv": "a,b\r1,2\r3,4"}, {}, PAIRS, []),
    "carriage returns and a stray quote": (
        {"a.csv": 'a,b\r1,2\r7,"8\r3,4\r'}, {}, PAIRS, [('7,"8', "unterminated quote")]),
    "marks": (
        {"a.csv": "\ufeffa,b\n1,é\n".encode("utf-16-be"), "b.csv": "\ufeffa,b\n3,é\n".encode("utf-32-le"),
         "c.csv": "\ufeffa,b\n5,é\n".encode("utf-16-le"), "d.csv": "\ufeffa,b\n7,é\n".encode("utf-32-be"),
         "e.csv": "\ufeffa,b\n9,é\n"},
        {}, [(n, "é") for n in "13579"], []),
    "UTF-16 named, without a mark": (
        {"a.csv": "a,b\n1,2\n3,4\n".encode("utf-16-be")}, {"encoding": "utf-16"}, PAIRS, []),
    "blank lines before the header": ({"a.csv": "\n\n  \na,b\n1,2\n3,4\n"}, {}, PAIRS, []),
    "lines to skip, with a quote": (
        {"a.csv": 'Report "x\nof today\na,b\n1,2\n3,4\n'}, {"skip_lines": 2}, PAIRS, []),
    "a footer": ({"a.csv": f"a,b\n1,2\n3,4\n\n{FOOTER}\n"}, {}, PAIRS, [(FOOTER, "footer")]),
    "a footer in quotes": ({"a.csv": f'a,b\n1,2\n3,4\n"{FOOTER}"\n'}, {}, PAIRS, [(f'"{FOOTER}"', "footer")]),
    "a footer of a file with a stray quote": (
        {"a.csv": f'a,b\n1,2\n7,"8\n3,4\n{FOOTER}\n'}, {}, PAIRS,
        [(FOOTER, "footer"), ('7,"8', "unterminated quote")]),
    "bad lines below blank ones": (
        {"a.csv": b"a,b\n1,2\n\n\n7,\xff\n\n8\n3,4\n"}, {"encoding": "utf-8"}, PAIRS,
        [("7,ÿ", "not UTF-8"), ("8", "too few fields")]),
    "a broken record over lines": (
        {"a.csv": 'a,b\n1,2\n7,"8\n9",10\n3,4\n'}, {}, PAIRS, [('7,"8\n9",10', "too many fields")]),
    "escapes": (
        {"a.csv": 'a,b\n1,"2\\"2"\n3,"4, \\\\"\n'}, {"escape": "\\"}, [("1", '2"2'), ("3", "4, \\")], []),
    "no quotes": ({"a.csv": 'a,b\n1,"2\n3,4"x\n'}, {"quote": "none"}, [("1", '"2'), ("3", '4"x')], []),
    "no quotes, escapes": (
        {"a.tsv": "a\tb\n1\t2\\\t2\n3\t4\\\n4\n"}, {"quote": "none", "escape": "\\"},
        [("1", "2\t2"), ("3", "4\n4")], []),
    "no quotes, escapes, mixed line ends": (
        {"a.tsv": b"a\tb\r\n1\t2\\\t2\n3\t4\\\n4\r\n"}, {"quote": "none", "escape": "\\"},
        [("1", "2\t2"), ("3", "4\n4")], []),
    "a lone carriage return in JSON": (
        {"a.json": b'{"a":\r"1", "b":\r"2"}\r\n{"a": "3",\r"b": "4"}\n'}, {}, PAIRS, []),
    "names given": ({"a.csv": "1,2\n3,4\n"}, {"header": False, "columns": ["a", "b"]}, PAIRS, []),
    "names in a file": (
        {"a.csv": "1,2\n3,4\n", "_names/h.txt": "a\tb\n"}, {"header": False, "columns": "_names/h.txt"}, PAIRS, []),
    "nulls": ({"a.csv": "a,b\n1,NA\n3,\\N\n"}, {"nulls": ["NA", "\\N"]}, [("1", None), ("3", None)], []),
    "a delimiter of two characters": ({"a.csv": "a||b\n1||2|2\n3||4\n"}, {"delimiter": "||"},
                                      [("1", "2|2"), ("3", "4")], []),
    "endings in any case": (
        {"A.CSV": "a,b\n1,2\n", "B.TSV.GZ": gzip.compress(b"a\tb\n3\t4\n"), "C.DAT": "a|b\n5|6\n",
         "d.gz": gzip.compress(b'{"a": 7, "b": 8}\n'), "E.NdJson": '{"a": 9, "b": 0}\n', "f.zip": archive(
             x__csv="a,b\n11,12\n", y__csv="a,b\n13,14\n", readme__md="hello"),
         "g.csv.ZST": zstd("a,b\n15,16\n")},
        {}, sorted([*PAIRS, ("5", "6"), ("7", "8"), ("9", "0"), ("11", "12"), ("13", "14"), ("15", "16")]), []),
    "no object in an array": (
        {"a.json": '[{"a": "1"}, 2, null]'}, {}, [("1",)], [("2", "not a JSON object"), ("null", "not a JSON object")]),
    "odd keys": ({"a.json": '{"": "1", "x\\\\y": "2", "q\\"q.": "3"}\n'}, {}, [("1", "3", "2")], []),
    "a key in two cases": ({"a.json": '{"a": "1"}\n{"A": "2"}\n'}, {}, [("1",), ("2",)], []),
}  # fmt: skip


@pytest.mark.parametrize("promise", READ)
def test_files_are_read_as_documented(harness: LoadHarness, tmp_path: Path, promise: str) -> None:
    files, mapping, rows, rejected = READ[promise]
    assert loaded(harness, tmp_path, files, **mapping) == (rows, rejected)


def test_a_file_behind_a_link_is_read_once(harness: LoadHarness, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_text("a,b\n1,2\n")
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "one.csv").symlink_to(tmp_path / "elsewhere.csv")
    (tmp_path / "in" / "two.csv").symlink_to(tmp_path / "elsewhere.csv")
    (tmp_path / "in" / "sub" / "round").symlink_to(tmp_path / "in")
    warehouse = harness.load(tmp_path / "in")
    assert warehouse.execute("select a, b from bronze.raw_events").fetchall() == [("1", "2")]


IN_FOLDERS: dict[str, bytes] = {
    "csv": b"DAY,line\n2026-01-05 10:31:07,x\n",
    "jsonl": b'{"DAY": "2026-01-05 10:31:07", "line": "x"}\n',
    "json": b'[{"DAY": "2026-01-05 10:31:07", "line": "x"}]',
}


@pytest.mark.parametrize("ending", IN_FOLDERS)
def test_a_folder_of_a_name_and_a_value_leaves_a_files_own_column(
    harness: LoadHarness, tmp_path: Path, ending: str
) -> None:
    """Partitions of a day, as exports have them, beside the moment of each line."""
    files: dict[str, str | bytes] = {f"day=2026-01-05/line=9/json=9/a.{ending}": IN_FOLDERS[ending]}
    assert loaded(harness, tmp_path, files) == ([("2026-01-05 10:31:07", "x")], [])


@pytest.mark.parametrize("column", ["size", "Content", "filename", "last_modified"])
def test_a_folder_may_be_named_like_a_column_of_the_engines_listing(
    harness: LoadHarness, tmp_path: Path, column: str
) -> None:
    files: dict[str, str | bytes] = {f"{column}=5/a.csv": "1,2\n", f"{column}=6/b.csv": "3,4\n"}
    assert loaded(harness, tmp_path, files, header=False, columns=["a", "b"]) == (PAIRS, [])
    delivered(tmp_path / f"{column}=5", {"a.csv": "1,2\n", "h.txt": "a,b\n"})
    rows = LoadHarness(tmp_path).load(
        tmp_path / f"{column}=5", header=False, columns="h.txt", files="*.csv"
    )
    assert rows.execute("select a, b from bronze.raw_events").fetchall() == PAIRS[:1]


def test_a_state_folder_may_be_named_like_a_column_of_lines_put_aside(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a.csv": HEADER + '0,b,c,"d\n1,b,c,d\n2,b,c,d\n3,b,c,d\n'}
    state = tmp_path / "position=7" / "line=8" / "reason=9"
    rows, rejected = loaded(LoadHarness(state), tmp_path, files)
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert rejected == [('0,b,c,"d', "unterminated quote")]


def test_a_state_folder_of_a_name_and_a_value_leaves_a_files_own_column(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"a": ["1"], "b": ["2"]}), tmp_path / "in" / "x.parquet")
    state = tmp_path / "a=9" / "load_id=9" / "source_file=9"
    rows = LoadHarness(state).load(tmp_path / "in").execute("from bronze.raw_events").fetchall()
    moment = datetime(2026, 1, 1)
    assert rows == [("1", "2", str(tmp_path / "in" / "x.parquet"), 1, moment)]


def test_columns_of_parquet_are_those_of_the_file_and_then_those_of_its_folders(
    harness: LoadHarness, tmp_path: Path
) -> None:
    moment = datetime(2026, 1, 5, 10, 31, 7)
    for kind, part in (("view", "1"), ("add%20to cart", "2"), ("NULL", "3"), ("view", "x")):
        folder = tmp_path / "in" / "day=2026-01-05" / f"kind={kind}" / f"part={part}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"Day": [moment], "a": [part]}), folder / "a.parquet")
    # what only the folder has in other files, this one has itself
    pq.write_table(
        pa.table({"Day": [moment], "a": ["9"], "kind": ["own"]}),
        tmp_path / "in" / "day=2026-01-05" / "b.parquet",
    )
    rows = harness.load(tmp_path / "in").execute(
        "select a, day, kind, part from bronze.raw_events order by a"
    )
    assert rows.fetchall() == [
        ("1", moment, "view", "1"),
        ("2", moment, "add to cart", "2"),
        ("3", moment, None, "3"),
        ("9", moment, "own", None),
        ("x", moment, "view", "x"),
    ]


WHOLE = "a,b\n" + "".join(f"{n},{n * n}\n" for n in range(3000))
REFUSED: dict[str, tuple[dict[str, str | bytes], dict[str, Any], list[str]]] = {
    "no encoding": ({"a.csv": "a,b\n1,café\n".encode("cp1252")}, {}, ["a.csv' is not UTF-8", "encoding: cp1252"]),
    "no encoding, Cyrillic": (
        {"a.csv": "a,b\n1,Иван Петров купил\n".encode("cp1251")}, {}, ["a.csv'", "encoding: cp1251"]),
    "no encoding, no mark": (
        {"a.csv": "a,b\n1,2\n".encode("utf-16-be")}, {}, ["a.csv' is not UTF-8", "encoding: utf-16-be"]),
    "UTF-8 named otherwise": (
        {"a.csv": "a,b\n1,café\n"}, {"encoding": "cp1252"}, ["a.csv' is UTF-8", "Leave `encoding` out"]),
    "wrong encoding": (
        {"a.csv": "a,b\n1,café\n".encode("cp1252")}, {"encoding": "shift_jis"},
        ["a.csv' is not shift_jis", "encoding: cp1252"]),
    "no UTF-16": (
        {"a.csv": "a,b\n1,café\n".encode("cp1252")}, {"encoding": "utf-16"}, ["a.csv' is not utf-16", "cp1252"]),
    "archive of two kinds": ({"a.zip": archive(x__csv="a\n1\n", y__json="{}")}, {}, ["a.zip' holds files of 2 kinds"]),
    "archive of nothing": ({"a.zip": archive(x__xml="<a/>")}, {}, ["a.zip' holds no event file", "x.xml"]),
    "cut archive": ({"a.zip": archive(x__csv=WHOLE)[:-40]}, {}, ["a.zip' is no whole zip file", "Deliver it again"]),
    "cut gzip": ({"a.csv.gz": gzip.compress(WHOLE.encode())[:-9]}, {}, ["a.csv.gz' is no whole gzip file"]),
    "no gzip": ({"a.csv.gz": WHOLE}, {}, ["a.csv.gz' is no whole gzip file", "Deliver it again"]),
    "cut zstd": ({"a.csv.zst": zstd(WHOLE)[:-9]}, {}, ["a.csv.zst' is no whole zstd file", "Deliver it again"]),
    "cut array": ({"a.json": '[{"a": 1}, {"a": 2'},
        {}, ["a.json' is no whole JSON", "after 1 whole", "Deliver it again"]),
    "no pattern fits": ({"a.csv": "a\n1\n"}, {"files": "orders*.csv"}, ["fits files: 'orders*.csv'"]),
    "no file of columns": ({"a.csv": "1\n"}, {"header": False, "columns": "h.tsv"}, ["in/h.tsv'", "is not there"]),
    "no names": ({"a.csv": "1\n"}, {"header": False}, ["header is false, so columns must name them"]),
    "stray quote in the header": (
        {"a.csv": 'a,"b\n1,2\n3,4\n'}, {}, ["the header of", "a.csv' cannot be read", "Name the columns"]),
    "format": ({"a.csv": "a\n1\n"}, {"format": "xml"}, ["format must be one of csv, json, parquet; found: 'xml'"]),
    "delimiter": ({"a.csv": "a\n1\n"}, {"delimiter": "\n"}, ["delimiter must be"]),
    "quote": ({"a.csv": "a\n1\n"}, {"quote": "«"}, ["quote must be a character of ASCII, or the word none"]),
    "quote that delimits": ({"a.csv": "a\n1\n"}, {"quote": ";", "delimiter": ";"}, ["another character than"]),
    "escape": ({"a.csv": "a\n1\n"}, {"escape": 7}, ["escape must be", "found: 7"]),
    "encoding": ({"a.csv": "a\n1\n"}, {"encoding": "rot13"}, ["encoding must be", "found: 'rot13'"]),
    "skip_lines": ({"a.csv": "a\n1\n"}, {"skip_lines": -1}, ["skip_lines must be a whole number"]),
    "header": ({"a.csv": "a\n1\n"}, {"header": "no"}, ["header must be true or false; found: 'no'"]),
    "columns": ({"a.csv": "a\n1\n"}, {"columns": [1]}, ["columns must be a list of names"]),
    "decimal": ({"a.csv": "a\n1\n"}, {"decimal": ";"}, ["decimal must be '.' or ','"]),
    "nulls": ({"a.csv": "a\n1\n"}, {"nulls": "NA"}, ["nulls must be a list of texts"]),
    "sources": ({"a.csv": "a\n1\n"}, {"sources": ["a"]}, ["sources must be a name and a pattern each"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_named_with_its_remedy(
    harness: LoadHarness, tmp_path: Path, case: str
) -> None:
    files, mapping, expected = REFUSED[case]
    delivered(tmp_path / "in", files)
    with pytest.raises(Refused) as refused:
        harness.load(tmp_path / "in", **mapping)
    message = str(refused.value)
    assert [part for part in expected if part not in message] == [], message
    assert "Traceback" not in message


# --- the same through dbt ----------------------------------------------------


class Shop:
    """A folder of files, and the warehouse that takes them in as far as bronze."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "in"
        self.files.mkdir()
        self.warehouse = Installation(folder / "state")

    def build(self, **mapping: Any) -> Finished:
        variables = {
            "events_path": str(self.files),
            "event_mapping": "mine",
            "event_mappings": {"mine": MAPPING | mapping},
        }
        select = ("event_types", "raw_events", "loaded_files", "rejected_lines")
        return self.warehouse.build_models("--select", *select, variables=variables)

    def built(self, **mapping: Any) -> str:
        finished = self.build(**mapping)
        assert finished.succeeded, finished.output
        return " ".join(finished.output.split())

    def rows(self, columns: str = "a, b") -> list[tuple[Any, ...]]:
        return self.warehouse.query(f"select {columns} from bronze.raw_events order by all")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_build_reads_every_form(shop: Shop, tmp_path: Path) -> None:
    expected: list[tuple[str, ...]] = []

    @settings(BOUNDED, max_examples=12)
    @given(
        st.lists(st.tuples(texts(), texts(), texts()), min_size=1, max_size=6),
        st.sampled_from(CSV_DIALECTS),
    )
    def deliver(values: list[tuple[str, str, str]], dialect: tuple[str, Any, str]) -> None:
        form = len(list(shop.files.iterdir()))
        rows: list[Row] = [dict(zip(COLUMNS, (f"{form}", *row), strict=True)) for row in values]
        text, name = [
            (as_csv(rows, *dialect), f"{form}.csv"),
            (as_csv(rows, *dialect) + dialect[0].join("78") + "\n", f"{form}.txt"),
            (json.dumps(rows, indent=1), f"{form}.json"),
            ("\n".join(map(json.dumps, rows)) + "\n{", f"{form}.jsonl"),
        ][form % 4]
        (shop.files / name).write_bytes(text.encode())
        nothing = None if form % 4 < 2 else ""
        expected.extend(tuple(v or nothing for v in row.values()) for row in rows)  # type: ignore[misc]

    deliver()
    shop.built()
    found = shop.rows(", ".join(COLUMNS))
    assert sorted(map(repr, found)) == sorted(map(repr, expected))
    reasons = shop.warehouse.query(
        "select reason, count(*) from bronze.rejected_lines group by all order by all"
    )
    files = len(list(shop.files.iterdir()))
    assert reasons == [("not valid JSON", files // 4), ("too few fields", (files + 2) // 4)]
    counts = shop.warehouse.query(
        "select sum(line_count - rejected_count) from bronze.loaded_files"
    )
    assert counts == [(len(expected),)]


def test_a_delivery_that_is_refused_changes_nothing(shop: Shop) -> None:
    (shop.files / "a.csv").write_text("a,b\n1,2\n")
    (shop.files / "b.csv.gz").write_bytes(gzip.compress(WHOLE.encode())[:-9])
    refused = shop.build()
    assert not refused.succeeded
    assert "b.csv.gz' is no whole gzip file" in " ".join(refused.output.split())
    tables = "select count(*) from duckdb_tables() where table_name = 'raw_events'"
    assert shop.warehouse.query(tables) == [(0,)]
    (shop.files / "b.csv.gz").unlink()
    shop.built()
    (shop.files / "a.csv").write_text("a,b\n3,4\n")
    (shop.files / "c.csv").write_text("a,b\n5,café\n", encoding="cp1252")
    refused = shop.build()
    assert not refused.succeeded
    assert "Traceback" not in refused.output
    assert shop.rows() == [("1", "2")]
    assert shop.warehouse.query("select count(*) from bronze.loaded_files") == [(1,)]


def test_the_same_content_is_loaded_once_and_follows_its_files(shop: Shop) -> None:
    (shop.files / "sub").mkdir()
    for name in ("a.csv", "b.csv", "sub/a.csv", "sub/b.csv"):
        (shop.files / name).write_text("a,b\n1,2\n1,2\n")
    (shop.files / "c.csv").symlink_to(shop.files / "a.csv")
    said = shop.built(dedupe_on="none")
    # of many copies not each is told: a folder may have been moved whole
    assert said.count("it is not loaded again") == 3
    assert "The same holds of 1 further file." in said
    assert shop.rows() == [("1", "2")] * 2
    # the file that stood for them changes: one of the others stands for them now
    (shop.files / "c.csv").unlink()
    (shop.files / "a.csv").write_text("a,b\n9,9\n")
    shop.built(dedupe_on="none")
    assert shop.rows() == [("1", "2"), ("1", "2"), ("9", "9")]
    # a file that is gone has been told all the same, and its copy is no news
    (shop.files / "a.csv").unlink()
    (shop.files / "a (1).csv").write_text("a,b\n9,9\n")
    assert "a (1).csv' has the content of" in shop.built(dedupe_on="none")
    assert shop.rows() == [("1", "2"), ("1", "2"), ("9", "9")]


def test_a_type_that_changes_between_files_is_told(shop: Shop) -> None:
    pq.write_table(pa.table({"a": [1], "b": [2]}), shop.files / "a.parquet")
    shop.built()
    pq.write_table(pa.table({"a": ["x"], "b": [2.5]}), shop.files / "b.parquet")
    said = shop.built()
    assert "the column 'a' of the file" in said
    assert shop.rows() == [("1", "2"), ("x", "2.5")]


def test_rows_that_fail_on_one_file_name_it(shop: Shop) -> None:
    (shop.files / "a.csv").write_text("a,b\n1,2\n")
    (shop.files / "b.csv").write_text("a,c\n1,2\n")
    refused = shop.build(rows="select a, b, source_file, load_id from lines")
    said = " ".join(refused.output.split())
    assert not refused.succeeded
    assert "cannot be evaluated over the columns of" in said
    assert "b.csv'" in said
