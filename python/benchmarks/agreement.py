"""The same result: a benchmark of jobs that do not come out alike compares nothing."""

from likely_buyers.lake import connect
from likely_buyers.settings import Lake

# Far above the noise of adding in another order, far below what a single other value of a feature does to a score.
TOLERANCE = 1e-9


def check_predictions(
    lake: Lake, who: str, predictions: str | None, *, other: Lake | None = None
) -> None:
    """The same users as in gold.predictions, each with the same probability within TOLERANCE.

    predictions: a SQL relation with `user_id` and `probability`; None is gold.predictions of the lake `other`.

    Raises:
        SystemExit: not so; with how many differ.
    """
    if other:
        with connect(other, read_only=True) as connection:
            # DuckDB reads it by name
            scores = connection.sql(  # noqa: F841
                "select user_id, probability from gold.predictions"
            ).to_arrow_table()
    with connect(lake, read_only=True) as connection:
        ((users, missing, unknown, differing, largest),) = connection.sql(
            f"""
            select
                count(*),
                count(*) filter (where theirs.user_id is null),
                count(*) filter (where ours.user_id is null),
                count(*) filter (
                    where ours.user_id = theirs.user_id
                    and not coalesce(abs(ours.probability - theirs.probability) <= {TOLERANCE}, false)
                ),
                max(abs(ours.probability - theirs.probability))
            from gold.predictions as ours
            full join (
                select cast(user_id as varchar) as user_id, probability from {predictions or "scores"}
            ) as theirs on ours.user_id = theirs.user_id
            """
        ).fetchall()
    if not users or missing or unknown or differing:
        raise SystemExit(
            f"{who} does not come to the result of dbt build: of {users:,} users {missing:,} are missing, {unknown:,}"
            f" are not in gold.predictions, and {differing:,} have a probability more than {TOLERANCE:g} away (at most"
            f" {largest}). Its time says nothing until it does."
        )


def check_top_buyers(
    lake: Lake,
    who: str,
    top_buyers: str,
    columns: str = "rank, decile, favourite_category",
) -> None:
    """The same list as gold.top_buyers: users, and these columns of them.

    Raises:
        SystemExit: not so.
    """
    ours, theirs = (
        f"select cast(user_id as varchar) as user_id, {columns} from {table}"
        for table in ("gold.top_buyers", top_buyers)
    )
    with connect(lake, read_only=True) as connection:
        ((differing,),) = connection.sql(
            f"select count(*) from ((({ours}) except ({theirs})) union all (({theirs}) except ({ours})))"
        ).fetchall()
    if differing:
        raise SystemExit(
            f"{who} does not come to the list of dbt build: {differing:,} rows differ."
        )


def check_events(lake: Lake, who: str, events: str, quarantined_events: str) -> None:
    """The same events as silver.events, by their ids, and as many lines in quarantine.

    Raises:
        SystemExit: not so.
    """
    # adding up hashes compares 100 M ids without holding them
    ids = "select count(*), sum(hash(event_id)::hugeint) from"
    lines = "select count(*) from"
    with connect(lake, read_only=True) as connection:
        for ours, theirs in [
            (f"{ids} silver.events", f"{ids} {events}"),
            (f"{lines} silver.quarantined_events", f"{lines} {quarantined_events}"),
        ]:
            expected, found = (connection.sql(query).fetchone() for query in (ours, theirs))
            if expected != found:
                raise SystemExit(
                    f"{who} does not come to the events of dbt build: expected {expected} ({ours}), found {found}."
                )


def check_user_days(lake: Lake, who: str, user_days: int) -> None:
    """As many rows as silver.user_days.

    Raises:
        SystemExit: not so.
    """
    with connect(lake, read_only=True) as connection:
        ((ours,),) = connection.sql("select count(*) from silver.user_days").fetchall()
    if ours != user_days:
        raise SystemExit(f"{who} finds {user_days:,} user days, and silver.user_days has {ours:,}.")
