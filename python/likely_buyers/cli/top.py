"""The list, printed: today's from gold.top_buyers, a past day's from gold.prediction_history."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from likely_buyers.cli.tables import Column, print_rows, print_table
from likely_buyers.dbt.project import Project
from likely_buyers.errors import LikelyBuyersError
from likely_buyers.outcomes import Outcome
from likely_buyers.sql_text import literal
from likely_buyers.terminal import say

_Form = Literal["table", "csv", "json"]
_SHOWN_DAYS = 5

_TOP_COLUMNS = (
    *("outcome", "rank", "user_id", "as_of_date", "horizon_days", "probability", "lift"),
    "expected_revenue",
    *("days_since_last_purchase", "favourite_category", "reason", "model_name", "model_version"),
)
_TOP = f"""
select {", ".join(_TOP_COLUMNS)}
from {{{{ ref('top_buyers') }}}}
left join (
    select user_id, outcome, reason from {{{{ ref('top_buyer_reasons') }}}} where reason_rank = 1
) as first_reasons using (user_id, outcome)
where outcome = %s
order by rank
"""  # noqa: S608
_PAST_COLUMNS = (
    *("rank", "user_id", "as_of_date", "horizon_days", "probability"),
    *("model_name", "model_version"),
)
# as gold.top_buyers ranks
_PAST = f"""
select row_number() over (order by probability desc nulls last, user_id asc) as {", ".join(_PAST_COLUMNS)}
from {{{{ ref('prediction_history') }}}}
where as_of_date = date '%s' and model_name = %s and model_version = %d
order by rank
"""  # noqa: S608
_DAYS = """
select
    as_of_date,
    model_version,
    max(scored_at) as scored_at,
    max(case when run_id like 'backfill-%%' then 1 else 0 end) as is_filled
from {{ ref('prediction_history') }}
where model_name = %s
group by as_of_date, model_version
order by as_of_date desc, is_filled, scored_at desc, model_version desc
"""


class NoList(LikelyBuyersError):
    """There is nothing to print; the message says why."""


def print_tops(project: Project, outcomes: Sequence[Outcome], rows: int, form: _Form) -> None:
    """Print the likeliest users of today's lists, an outcome after the other.

    Raises:
        NoList: there is none, or it cannot be read.
    """
    lists = [project.ask(_TOP % literal(outcome.name), rows, NoList) for outcome in outcomes]
    if form != "table":
        print_rows(_TOP_COLUMNS, [row for shown in lists for row in shown], form)
        return
    for outcome, shown in zip(outcomes, lists, strict=True):
        _print_top(shown, outcome.name if len(outcomes) > 1 else "")


def _print_top(shown: Sequence[Sequence[Any]], outcome: str) -> None:
    columns = [
        Column("rank"),
        Column("user", "left"),
        Column("probability"),
        Column("lift"),
        Column("expected\nrevenue"),
        Column("days since\nlast purchase", is_spare=True),
        Column("favourite category", "left", is_spare=True),
        Column("first reason", "words"),
    ]
    of = f"{outcome}: " if outcome else ""
    title = f"{of}Likely buyers as of {shown[0][3]}, version {shown[0][12]}" if shown else ""
    if shown:
        print_table(columns, [_top_cells(row) for row in shown], title)
    else:
        say(f"{of}nobody is on the list; the last dbt build says how many came close.")


def print_past_top(project: Project, outcome: Outcome, day: date, rows: int, form: _Form) -> None:
    """Print the likeliest users as of a past day, by the version that scored for it last.

    That is the ranking, not the list: how long that was, why users stood on it and what they were worth is not kept.

    Raises:
        NoList: nobody was scored as of that day, or the history cannot be read.
    """
    name = project.predicted().model_name(outcome)
    in_sql = literal(name)
    scored = project.ask(_DAYS % in_sql, None, NoList)
    of_day = [row for row in scored if row[0] == day]
    if not of_day:
        days = list(dict.fromkeys(row[0] for row in scored))
        found = ", ".join(map(str, days[:_SHOWN_DAYS])) or "none"
        more = f" and {len(days) - _SHOWN_DAYS} earlier" if len(days) > _SHOWN_DAYS else ""
        raise NoList(
            f"nobody was scored as of {day} by {name}. Days in gold.prediction_history: {found}{more}."
            " Give one of them as --as-of, or add the day: likely-buyers backfill."
        )
    _, version, _, is_filled = of_day[0]
    shown = project.ask(_PAST % (day, in_sql, version), rows, NoList)
    if len(of_day) > 1:
        others = ", ".join(str(row[1]) for row in of_day[1:])
        say(f"as of {day} there are scores of other versions, too: {others}.")
    if is_filled:
        say(f"the scores as of {day} were computed later, by likely-buyers backfill.")
    if form != "table":
        print_rows(_PAST_COLUMNS, shown, form)
        return
    print_table(
        [Column("rank"), Column("user", "left"), Column("probability")],
        [[str(row[0]), str(row[1]), f"{row[4]:.3f}"] for row in shown],
        f"Likeliest users as of {day}, version {version}",
    )


def _top_cells(row: Sequence[Any]) -> list[str]:
    _, rank, user, _, _, probability, lift, revenue, days, category, reason, _, _ = row
    return [
        str(rank),
        str(user),
        f"{probability:.3f}",
        f"{lift:.1f}",
        "" if revenue is None else f"{revenue:.2f}",
        "never" if days is None else str(days),
        category or "",
        reason or "",
    ]
