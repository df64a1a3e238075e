"""Buckets of S3 that DuckDB reads and writes: of the lake's files, and of deliveries."""

import os

import duckdb

from likely_buyers.errors import said_by
from likely_buyers.lake.errors import LakeProblem
from likely_buyers.lake.extensions import load_extension
from likely_buyers.s3 import check_bucket, endpoint
from likely_buyers.settings import DATA
from likely_buyers.sql_text import literal, quoted


def reach_bucket(connection: duckdb.DuckDBPyConnection, url: str) -> None:
    """Have a connection read and write s3://bucket/prefix of the lake, and try the first."""
    know_bucket(connection, url, DATA, LakeProblem)
    try:
        connection.execute("select count(*) from glob(?)", [f"{url.rstrip('/')}/*"]).fetchall()
    except duckdb.Error as error:
        raise LakeProblem(unreadable(url, DATA, said_by(error))) from error


def know_bucket(
    connection: duckdb.DuckDBPyConnection, url: str, setting: str, refusal: type[Exception]
) -> None:
    """Tell a connection how s3://bucket/prefix is reached, as the environment has it.

    Raises:
        refusal: the `setting` names no bucket, or the environment does not say how to reach it.
        ExtensionMissing: a package is not installed.
    """
    check_bucket(url, f"{setting} names an s3:// place", refusal)
    load_extension(connection, "httpfs", "[s3]")
    given = os.environ.get
    options = {
        "key_id": given("AWS_ACCESS_KEY_ID"),
        "secret": given("AWS_SECRET_ACCESS_KEY"),
        "session_token": given("AWS_SESSION_TOKEN"),
        "region": given("AWS_REGION") or given("AWS_DEFAULT_REGION"),
    }
    if endpoint():
        scheme, _, host = endpoint().rpartition("://")
        options |= {"endpoint": host, "use_ssl": str(scheme != "http"), "url_style": "path"}
    told = "".join(f", {name} {literal(value)}" for name, value in options.items() if value)
    connection.execute(
        f"create or replace secret {quoted(url)} (type s3, scope {literal(url)}{told})"
    )


def unreadable(url: str, setting: str, said: str) -> str:
    """A bucket that does not answer, or refuses, in words."""
    return (
        f"the bucket of {setting}={url} cannot be read, so nothing was read or written. Check its name, AWS_REGION,"
        f" AWS_ENDPOINT_URL and the rights of AWS_ACCESS_KEY_ID. It says: {said}"
    )
