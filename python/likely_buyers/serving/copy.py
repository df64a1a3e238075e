"""The serving copy: what a build left, in a file that the endpoint reads by user.

The lake's catalog lets one process in at a time where it is a file, so the endpoint never holds it open. The copy is
a SQLite file, written beside its place and put there whole, so that who reads sees one build or another.
"""

import json
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from likely_buyers.lake import opened
from likely_buyers.lake.builds import PassedBuild, last_builds, opened_as_passed
from likely_buyers.serving.errors import ServingError
from likely_buyers.serving.live_features import EVENTS
from likely_buyers.serving.packed_days import DayFormat
from likely_buyers.settings import Lake

LAYOUT = 2
_ROWS_AT_ONCE = 65_536

_SCORES = """
with reasons as (
    select
        user_id,
        outcome,
        list({'feature': feature, 'value': feature_value, 'reason': reason} order by reason_rank) as reasons
    from gold.top_buyer_reasons
    group by user_id, outcome
),

campaigns as (
    select
        user_id,
        list({'campaign': campaign, 'arm': arm, 'rank': rank, 'start_date': start_date} order by campaign) as campaigns
    from gold.audiences
    group by user_id
)

select
    predictions.user_id,
    cast(to_json({
        'scores': list({
            'outcome': predictions.outcome,
            'probability': predictions.probability,
            'horizon_days': predictions.horizon_days,
            'as_of': predictions.as_of_date,
            'model': predictions.model_name,
            'version': predictions.model_version,
            'listed': case when top_buyers.rank is not null then {
                'rank': top_buyers.rank,
                'percentile': top_buyers.percentile,
                'decile': top_buyers.decile,
                'lift': top_buyers.lift,
                'expected_revenue': cast(top_buyers.expected_revenue as double)
            } end,
            'reasons': coalesce(reasons.reasons, [])
        } order by predictions.outcome),
        'campaigns': coalesce(any_value(campaigns.campaigns), [])
    }) as varchar) as told
from gold.predictions as predictions
left join gold.top_buyers as top_buyers
    on predictions.user_id = top_buyers.user_id and predictions.outcome = top_buyers.outcome
left join reasons
    on predictions.user_id = reasons.user_id and predictions.outcome = reasons.outcome
left join campaigns on predictions.user_id = campaigns.user_id
group by predictions.user_id
order by predictions.user_id
"""


@dataclass(frozen=True)
class LiveDefinition:
    """What the project says of events and features, as dbt has rendered it.

    Attributes:
        features: SQL of features, as `LiveSql`.
        days: SQL of days, as `LiveSql`, where amounts are the shop's, are converted, and cannot be added up.
        event_mapping: its name.
        time_zone: IANA name.
        shop_currency: vars.currency; None where it is not said.
        gives_currency: whether the mapping tells currencies at all.
        keep_last: as `EventRules`.
        equal_are_separate: as `EventRules`.
    """

    features: str
    days: tuple[str, str, str]
    event_mapping: str
    time_zone: str
    shop_currency: str | None
    gives_currency: bool
    keep_last: bool
    equal_are_separate: bool


def newest_build(lake: Lake) -> PassedBuild | None:
    """The last build that passed.

    Raises:
        ServingError: there is no lake, or another process holds it.
    """
    with opened(lake, ServingError, read_only=True) as connection:
        return last_builds(connection)[0]


def write_copy(lake: Lake, file: Path, definition: LiveDefinition) -> tuple[str, int]:
    """Write the copy of the last build that passed; which build that is, and how many users it has.

    Raises:
        ServingError: there is no lake, another process holds it, no build has passed, or its days cannot be kept.
    """
    with opened_as_passed(lake, ServingError) as (connection, build):
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        part.unlink(missing_ok=True)
        try:
            # users are in it
            os.close(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
            users = _write(connection, part, build.build_id, definition)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(file)
        except (sqlite3.Error, OSError) as error:
            raise ServingError(
                f"the serving copy {file} cannot be written: {error}. One that was there stays. Free space there, or"
                " point LIKELY_BUYERS_STATE elsewhere."
            ) from error
        finally:
            part.unlink(missing_ok=True)
    return build.build_id, users


def _write(
    connection: duckdb.DuckDBPyConnection, part: Path, build_id: str, definition: LiveDefinition
) -> int:
    to = sqlite3.connect(part, isolation_level=None)
    try:
        # the file is new, and thrown away where this fails
        to.execute("pragma journal_mode = off")
        to.execute("pragma synchronous = off")
        to.execute(
            "create table scores (user_id text primary key, told text not null) without rowid"
        )
        to.execute("create table days (user_id text primary key, days blob not null) without rowid")
        to.execute("create table about (name text primary key, told text not null) without rowid")
        to.execute("begin")
        for batch in connection.sql(_SCORES).to_arrow_reader(_ROWS_AT_ONCE):
            pairs = zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
            to.executemany("insert into scores values (?, ?)", pairs)
        about = _about(connection, build_id, definition)
        days = connection.sql(
            f"from silver.user_days where event_date < date '{about['as_of']}' order by user_id, event_date"
        ).to_arrow_reader(_ROWS_AT_ONCE)
        form = DayFormat.of(days.schema)
        to.executemany("insert into days values (?, ?)", form.packed(days))
        about["days"] = form.table_schema.serialize().to_pybytes().hex()
        to.executemany(
            "insert into about values (?, ?)",
            [(name, json.dumps(told)) for name, told in about.items()],
        )
        to.execute("commit")
        ((users,),) = to.execute("select count(*) from scores").fetchall()
        return int(users)
    finally:
        to.close()


def _about(
    connection: duckdb.DuckDBPyConnection, build_id: str, definition: LiveDefinition
) -> dict[str, Any]:
    days = connection.execute("select distinct as_of_date from gold.predictions").fetchall()
    if len(days) != 1:
        raise ServingError(
            f"gold.predictions of build {build_id} has scores of {len(days)} days, and must have those of one. Run dbt"
            " build, and then this again."
        )
    kinds = {
        name: str(kind)
        for name, kind, *_ in connection.execute("describe silver.events").fetchall()
    }
    types = connection.execute(
        "select source_value, event_type from bronze.event_types where event_mapping = ?",
        [definition.event_mapping],
    ).fetchall()
    days_query, currencies, rates = _money(connection, definition)
    return {
        "layout": LAYOUT,
        "build_id": build_id,
        "as_of": days[0][0].isoformat(),
        "features_query": definition.features,
        "days_query": days_query,
        "event_columns": {name: kinds[name] for name in EVENTS.names},
        "types": dict(types),
        "currencies": currencies,
        "rates": rates,
        "time_zone": definition.time_zone,
        "keep_last": definition.keep_last,
        "equal_are_separate": definition.equal_are_separate,
    }


def _money(
    connection: duckdb.DuckDBPyConnection, definition: LiveDefinition
) -> tuple[str, list[str] | None, dict[str, str]]:
    """As silver.user_days has it: the query for it, the currencies that amounts may have, and the rates."""
    plain, converted, unrated = definition.days
    if not definition.gives_currency:
        return plain, None, {}
    found = [
        currency
        for (currency,) in connection.execute(
            "select distinct currency from silver.events"
            " where event_type in ('purchase', 'refund') and price is not null and currency is not null order by 1"
        ).fetchall()
    ]
    rates = dict(
        connection.execute(
            "select currency, cast(rate as varchar) from bronze.currency_rates"
        ).fetchall()
    )
    shop = definition.shop_currency or (found[0] if len(found) == 1 else None)
    others = [currency for currency in found if currency != shop]
    if any(currency not in rates for currency in others):
        return unrated, None, {}
    if not others:
        return plain, [shop] if shop else found, {}
    return (
        converted,
        sorted({*found, *([shop] if shop else [])}),
        {currency: rates[currency] for currency in others},
    )
