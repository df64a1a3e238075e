"""SQL by which the engine reads the files of a load: each record as it came, with where it came from.

A file is as `plan_delivery` gives it. Lines of text that the engine cannot read go to its temporary tables raw_rejects
and raw_reject_scans.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from likely_buyers.sql_text import literal, quoted

JSON_PROBLEM = (
    "case when not json_valid(line) then 'not valid JSON'"
    " when json_type(line) <> 'OBJECT' then 'not a JSON object' else '' end"
)
FILE_ONLY = "hive_partitioning = false"
"""Without it the engine puts the value of a folder key=value in the place of a file's own column of that name."""
_COPIED = ("parquet", "relation")
_ALIKE = (
    *("format", "columns", "types", "delimiter", "quote", "escape", "nulls", "skip"),
    *("compression", "json_kind", "new_line", "json_keys", "in_path"),
)

File = Mapping[str, Any]


def rows_of(
    files: Iterable[File], columns: Mapping[str, Mapping[str, Any]], load_id: int, loaded_at: str
) -> str:
    """Select of the records of the files, each with its file and the load.

    Args:
        columns: as `raw_columns` gives them; a value whose type is another there is cast.
        loaded_at: SQL of a timestamp.
    """
    of_load = f"cast({load_id} as bigint) as load_id, {loaded_at} as loaded_at"
    return records_of(
        files, columns, lambda group: f", {name_in_bronze(group)} as source_file, {of_load}"
    )


def records_of(
    files: Iterable[File],
    columns: Mapping[str, Mapping[str, Any]],
    beside: Callable[[Sequence[File]], str] = lambda _: "",
) -> str:
    """Select of the records of the files; `beside` gives further columns of those read in one scan."""
    return " union all by name ".join(
        f"select {_values(group[0], columns)}{beside(group)} from {_relation(group)}"
        for group in read_alike(files)
    )


def read_alike(files: Iterable[File]) -> list[list[File]]:
    """Groups of files with the same columns, read in the same way: one scan takes them all."""
    groups: dict[str, list[File]] = {}
    for file in files:
        groups.setdefault(json.dumps([file.get(key) for key in _ALIKE]), []).append(file)
    return list(groups.values())


def rows_copied(parquet: object) -> str:
    """FROM clause of rows that a load has copied, in whatever folder."""
    return f"read_parquet({literal(parquet)}, {FILE_ONLY})"


def is_text(file: File) -> bool:
    """Whether the engine parses it, and may find lines that it cannot read."""
    return file["format"] not in _COPIED


def name_in_bronze(group: Sequence[File]) -> str:
    """SQL of the name in bronze of the file that a row was read from, which may have been a copy."""
    copies = [file for file in group if file["read_path"] != file["path"]]
    if not copies:
        return "read_path"
    names = f"map({_list(f['read_path'] for f in copies)}, {_list(f['path'] for f in copies)})"
    return f"coalesce({names}[read_path], read_path)"


def json_lines(group: Sequence[File]) -> str:
    """JSON as a relation (line, read_path): a line of the file, an element of its array, or a value over several."""
    file, paths = group[0], _list(file["read_path"] for file in group)
    if file["json_kind"] == "lines":
        return (
            f"(select * from read_csv({paths}, columns = {{'line': 'VARCHAR'}}, filename = 'read_path', delim = '\x01',"
            f" quote = '', escape = '', strict_mode = false, {_reading_text(file)})"
            " where trim(line, e' \\t\\r') <> '')"
        )
    compression = "uncompressed" if file["compression"] == "none" else file["compression"]
    return (
        f"(select json as line, filename as read_path from read_json_objects({paths},"
        f" format = {literal(file['json_kind'])}, filename = true, {FILE_ONLY}, maximum_object_size = 134217728,"
        f" compression = {literal(compression)}))"
    )


def _values(file: File, columns: Mapping[str, Mapping[str, Any]]) -> str:
    types = file["types"] or [None] * len(file["columns"])
    selected = []
    for name, type_ in zip(file["columns"], types, strict=True):
        column = columns[name.lower()]
        value = quoted(name)
        if file["format"] == "json":
            value = _json_value(file["json_keys"].get(name) or [name])
        elif name in file.get("in_path", ()):
            value = f"cast({_in_path(name)} as {type_})"
        if type_ not in (None, column["type"]):
            value = f"cast({value} as {column['type']})"
        selected.append(f"{value} as {quoted(str(column['name']))}")
    return ", ".join(selected)


def _json_value(keys: Sequence[str]) -> str:
    """The text of the first of several keys that a line has."""
    paths = [
        # a path of JSON has no word for the empty key, a pointer has
        '$."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' if key else "/"
        for key in keys
    ]
    values = [f"line ->> {literal(path)}" for path in paths]
    return values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"


def _in_path(name: str) -> str:
    """The text that a folder name=value gives, as Hive writes it; of several the innermost."""
    folder = literal(f"(?:^|.*/){re.escape(name)}=([^/]*)/")
    value = f"regexp_extract(read_path, {folder}, 1)"
    return f"case when {value} not in ('NULL', '__HIVE_DEFAULT_PARTITION__') then url_decode({value}) end"


def _relation(group: Sequence[File]) -> str:
    file, paths = group[0], _list(file["read_path"] for file in group)
    if not is_text(file):
        return f"read_parquet({paths}, filename = 'read_path', union_by_name = true, {FILE_ONLY})"
    if file["format"] == "json":
        return f"{json_lines(group)} where {JSON_PROBLEM} = ''"
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in file["columns"])
    # without quotes its strict mode knows no escape
    is_strict = not (file["escape"] and not file["quote"])
    # a line end within a value would be taken for the way in which lines end
    new_line = f" new_line = {literal(file['new_line'])}," if file["new_line"] else ""
    return (
        f"read_csv({paths}, filename = 'read_path', columns = {{{columns}}}, delim = {literal(file['delimiter'])},"
        f" quote = {literal(file['quote'])}, escape = {literal(file['escape'])},"
        f" nullstr = {_list(['', *file['nulls']])}, skip = {file['skip']}, strict_mode = {is_strict},{new_line}"
        f" {_reading_text(file)})"
    )


def _reading_text(file: File) -> str:
    return (
        f"{FILE_ONLY}, auto_detect = false, header = false, max_line_size = 33554432,"
        f" compression = {literal(file['compression'])}, store_rejects = true, rejects_table = 'raw_rejects',"
        " rejects_scan = 'raw_reject_scans'"
    )


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(literal(text) for text in texts) + "]"
