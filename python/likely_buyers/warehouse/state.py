"""The state folder: everything that a checkout writes, in one git-ignored place."""

import os
from pathlib import Path

DATABASE_FILE = "likely_buyers.duckdb"


def state_folder(project_dir: Path | None = None) -> Path:
    """The folder `LIKELY_BUYERS_STATE` names, or `warehouse/` of the project.

    A relative path is relative to `project_dir` (the current folder when None), as it is for dbt.
    """
    folder = Path(os.environ.get("LIKELY_BUYERS_STATE") or "warehouse")
    return (project_dir or Path.cwd()) / folder
