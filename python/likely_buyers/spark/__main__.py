"""Runs a command beside a Spark cluster of this machine: `python -m likely_buyers.spark --help`.

The command finds the cluster by SPARK_REMOTE, and dbt its target by DBT_TARGET. The cluster is stopped when the command
has ended, however it has.
"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.spark.cluster import ClusterSettings, local_cluster


def main() -> int:
    """The command's own exit code; 1 where the cluster did not come up."""
    parser = argparse.ArgumentParser(prog="python -m likely_buyers.spark", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for tables, metastore and logs")
    parser.add_argument(
        "--jars", type=Path, required=True, help="Delta Lake's, of `make spark-jars`"
    )
    parser.add_argument("--workers", type=int, default=2, help="of one core each (default: 2)")
    parser.add_argument("--worker-memory", default="1g", help="of each (default: 1g)")
    parser.add_argument("--driver-memory", default="1500m", help="of the server (default: 1500m)")
    parser.add_argument("--partitions", type=int, default=2, help="of a shuffle (default: 2)")
    parser.add_argument(
        "--long",
        action="store_true",
        help="for millions of events: executors with Java's second compiler",
    )
    parser.add_argument(
        "--event-log", action="store_true", help="write what Spark's tasks did to event_log"
    )
    parser.add_argument(
        "--no-server", action="store_true", help="without a Connect server: for spark-submit"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run, with its arguments")
    options = parser.parse_args()
    if not options.command:
        parser.error("name a command, such as: dbt build")
    # who is told to end stops the cluster, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        settings = ClusterSettings(
            options.folder.resolve(),
            options.jars.resolve(),
            workers=options.workers,
            worker_memory=options.worker_memory,
            driver_memory=options.driver_memory,
            partitions=options.partitions,
            is_short=not options.long,
            has_event_log=options.event_log,
            has_server=not options.no_server,
        )
        with local_cluster(settings) as addresses:
            environment = os.environ | addresses | {"DBT_TARGET": "spark"}
            return subprocess.run(options.command, env=environment, check=False).returncode
    except LikelyBuyersError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
