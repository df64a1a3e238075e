"""A bucket of S3 as the place of the lake's files."""

import os

import duckdb

from likely_buyers.errors import said_by
from likely_buyers.lake.errors import LakeProblem
from likely_buyers.lake.extensions import load_extension
from likely_buyers.s3 import check_bucket, endpoint
from likely_buyers.settings import DATA
from likely_buyers.sql_text import literal


def reach_bucket(connection: duckdb.DuckDBPyConnection, url: str) -> None:
    """Have a connection read and write s3://bucket/prefix, and try the first."""
    check_bucket(url, f"{DATA} names an s3:// place", LakeProblem)
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
    connection.execute(f"create or replace secret lake (type s3, scope {literal(url)}{told})")
    try:
        connection.execute("select count(*) from glob(?)", [f"{url.rstrip('/')}/*"]).fetchall()
    except duckdb.Error as error:
        raise LakeProblem(
            f"the bucket of {DATA}={url} cannot be read, so nothing was read or written. Check its name, AWS_REGION,"
            " AWS_ENDPOINT_URL and the rights of AWS_ACCESS_KEY_ID. DuckDB says:"
            f" {said_by(error)}"
        ) from error
