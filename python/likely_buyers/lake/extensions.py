"""Extensions of DuckDB, from packages of Python: nothing is fetched when the project runs."""

from importlib.resources import files

import duckdb

from likely_buyers.errors import LikelyBuyersError
from likely_buyers.sql_text import literal


class ExtensionMissing(LikelyBuyersError):
    """The package of an extension is not installed, or it is of another version of DuckDB."""


def load_extension(connection: duckdb.DuckDBPyConnection, name: str, extra: str) -> None:
    """Load one, by its path: INSTALL would copy it into the home folder.

    extra: of our package, which brings it.

    Raises:
        ExtensionMissing: with the line to type.
    """
    version = duckdb.__version__
    package = f"duckdb-extension-{name.replace('_', '-')}"
    try:
        folder = files(f"duckdb_extension_{name}")
    except ModuleNotFoundError as error:
        raise ExtensionMissing(
            f"DuckDB's extension {name} is needed, and the package {package} is not installed. Install it: pip install"
            f" 'likely_buyers{extra}'."
        ) from error
    path = folder / "extensions" / f"v{version}" / f"{name}.duckdb_extension"
    if not path.is_file():
        raise ExtensionMissing(
            f"the package {package} that is installed is not of DuckDB {version}. Run: pip install"
            f" '{package}=={version}'."
        )
    connection.execute(f"load {literal(path)}")
