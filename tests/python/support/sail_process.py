"""What `sail.Sail` runs, with the Python of `.venv-spark`: a Spark Connect server without Java, and dbt on it.

A line of standard input asks for something, a line of what was standard output answers it.
"""

import json
import os
import sys
from typing import Any

from pysail.spark import SparkConnectServer


class Answers:
    """To each request, whose key `ask` is the name of one of these."""

    def compiled(self, text: str) -> str:
        """What dbt makes of macros."""
        from dbt.cli.main import dbtRunner

        found = dbtRunner().invoke(["--quiet", "compile", "--inline", text, "--target", "spark"])
        assert found.success, found.exception or found.result
        return str(found.result.results[0].node.compiled_code)

    def answered(self, tables: dict[str, str], queries: dict[str, str], folder: str) -> None:
        """What queries find in tables, name -> file of Parquet, as files of the same kind."""
        import pyarrow.parquet as pq

        from likely_buyers.dbt.on_spark.adapter import session
        from likely_buyers.spark.arrow import without_zone

        spark = session()
        for name, file in tables.items():
            spark.read.parquet(file).createOrReplaceTempView(name)
        for name, query in queries.items():
            pq.write_table(without_zone(spark.sql(query).toArrow()), f"{folder}/{name}.parquet")

    def submitted(self, code: str) -> None:
        """A Python model, as dbt submits it."""
        from likely_buyers.dbt.on_spark.adapter import SessionJob

        SessionJob({"alias": "made"}, None).submit(code)


def main() -> None:
    """Until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    # dbt prints what it compiles
    os.dup2(2, 1)
    server = SparkConnectServer("127.0.0.1", 0)
    server.start()
    os.environ["SPARK_REMOTE"] = f"sc://127.0.0.1:{server.listening_address[1]}"
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        try:
            answer = {"answer": getattr(Answers(), asked.pop("ask"))(**asked)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
    # a client says farewell to its server for seconds, also to one that is gone
    os._exit(0)


if __name__ == "__main__":
    main()
