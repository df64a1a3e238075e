"""What to do about a fault of the machine, of a delivery or of a server, which DuckDB reports in its own words."""

from pathlib import Path

from likely_buyers.settings import CATALOG, DATA, MEMORY_LIMIT, Settings

# of our own messages, which say what to do themselves and may quote a line of a file or another server
_OURS = "likely_buyers: "
_OF_THIS_MACHINE = (
    "Could not write file",
    "max_temp_directory_size",
    "failed to offload",
    "Out of Memory Error",
)
_KEPT = "Each table is as it was before or as it is after; the next dbt build goes on from there."


def remedy(problem: str) -> str:
    """What happened and what to do next, for DuckDB's message `problem`; '' for another kind of error."""
    if _OURS in problem:
        said = problem.partition(" says: ")[2]
        problem = said if any(sign in said for sign in _OF_THIS_MACHINE) else ""
    settings = Settings.of()
    lake = settings.lake
    elsewhere = (
        ""
        if Path(lake.data).is_relative_to(settings.state)
        else f", its files of data in {lake.data}"
    )
    if lake.data in problem and "No such file or directory" in problem:
        return (
            f"a file of the lake is gone from {lake.data}, which nothing but DuckLake may change. Restore the folder"
            " and its catalog from one backup, or remove both and run dbt build."
        )
    faults = {
        ("No space left on device", "max_temp_directory_size", "failed to offload"): (
            f"the disk is full. The database, and spill/ for what does not fit into memory, lie in the state"
            f" folder {settings.state}{elsewhere}. Free space there, or move the folder to a larger disk"
            f" (LIKELY_BUYERS_STATE); a higher {MEMORY_LIMIT} (now {settings.memory_limit}) spills less."
        ),
        ("Out of Memory Error",): (
            f"DuckDB may use too little memory: {MEMORY_LIMIT} is {settings.memory_limit}. Raise it (below 1GB a CSV"
            " file cannot be read), or lower vars.events_per_chunk and vars.users_per_chunk. If that is not little,"
            f" spill/ in the state folder {settings.state} found no room: free space there."
        ),
        ("Permission denied", "Read-only file system"): (
            "a file or folder may not be read or written by this user. What a build writes lies in the state folder"
            f" {settings.state} and in {lake.data}."
        ),
        ("No files found that match", "No such file or directory", "Cannot open file"): (
            "a file was there and then was not: the delivery is not over, or somebody moved the file away. Run"
            " dbt build again when the delivery is complete."
        ),
        ("Transaction conflict",): (
            "another program, which asks for no lock, wrote to the same table meanwhile, so the lake refused this"
            " transaction as a whole. Do it again when that program is done."
        ),
        ("to Postgres", "postgres_query") if lake.file is None else (): (
            f"the server of the catalog went away. Do it again when it answers at what {CATALOG} and the variables"
            " PG* say."
        ),
        ("for HTTP ", "HTTP Error"): (
            f"the bucket of {DATA if _names(problem, lake.data) else 'vars.events_path'} refused or did not answer. Do"
            " it again when it does."
        ),
    }
    for signs, words in faults.items():
        if any(sign in problem for sign in signs):
            return f"{words} {_KEPT}"
    return ""


def _names(problem: str, url: str) -> bool:
    """Whether it is of s3://bucket/prefix, which a request has as http://server/bucket/prefix or http://bucket.server."""
    bucket, _, prefix = url.removeprefix("s3://").rstrip("/").partition("/")
    below = f"/{prefix}/".replace("//", "/")
    in_bucket = f"/{bucket}{below}" in problem or (f"/{bucket}." in problem and below in problem)
    return url.startswith("s3://") and in_bucket
