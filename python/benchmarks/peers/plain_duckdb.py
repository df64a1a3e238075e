"""A plain script for DuckDB: a few statements of SQL in one process, in memory.

    python plain_duckdb.py EVENTS_FOLDER REGISTRY_FOLDER OUT_FOLDER

It makes user days and all features that the champion takes, scores everybody and writes predictions and the list of
top buyers as Parquet. It keeps no line and no id, tests nothing, and reads everything again in each run. Numbers are
summed as floating point, which is exact for whole numbers, cents among them, and a third faster.

Equal lines are of the same user and day. So the aggregate counts distinct hashes of views, and only the other lines,
which are few, are made distinct. User days of 2 M lines took 1.8 seconds of processor time that way, 2.3 of `select
distinct *`, 2.5 after looking for repeated hashes, and 1.7, in more memory, of distinct lines cut down to what is
needed and a hash of the whole. `list_unique(list(...))` takes a quarter less than `count(distinct ...)`, and cannot
spill: what would not fit into memory is split, user days by date, features by user.
"""

import sys
from datetime import date
from itertools import pairwise
from math import ceil
from pathlib import Path

import duckdb
import pyarrow as pa
from windows import (
    ACTIVITY_WINDOWS,
    GAP_WINDOWS,
    HALF_LIVES,
    PURCHASE_WINDOWS,
    REVENUE_WINDOWS,
    SEASONS,
)

from likely_buyers.registry import LoadedModel, Registry
from likely_buyers.scoring import feature_matrix

# What the pipeline gets, too
MEMORY_LIMIT = "4GB"
LINES_AT_ONCE = 25_000_000
USERS_AT_ONCE = 1_000_000
USERS_SCORED_AT_ONCE = 131_072
TOP_FRACTION = 0.10

READ_CSV = """
read_csv(
    '{events}/*.csv', header = true, auto_detect = false, delim = ',', quote = '"',
    -- lines with too few fields or too many
    ignore_errors = true,
    columns = {{
        event_time: 'timestamp', event_type: 'varchar', product_id: 'bigint', category_id: 'bigint',
        category_code: 'varchar', brand: 'varchar', price: 'decimal(10, 2)', user_id: 'bigint',
        user_session: 'varchar'
    }}
)
"""

LINES = """
create {table_or_view} lines as
select
    user_id,
    event_time,
    event_type,
    product_id,
    price,
    case when user_session is not null then hash(user_session) end as session,
    hash(*columns(*)) as line
from {reader}
where
    event_type in ('view', 'cart', 'remove_from_cart', 'purchase', 'refund')
    and user_id is not null
    and (price is null or price >= 0)
    and event_time <= localtimestamp + interval 1 day
"""

USER_DAYS = """
create table user_days (
    user_id bigint, event_date date, sessions double, products double, views double, carts double, removals double,
    purchases double, refunds double, purchased_products double, revenue_cents double, refunded_cents double
)
"""

USER_DAYS_OF_PART = """
insert into user_days
with visits as (
    select
        user_id,
        cast(event_time as date) as event_date,
        list_unique(list(session)) as sessions,
        list_unique(list(product_id)) as products,
        list_unique(list(line) filter (where event_type = 'view')) as views
    from lines
    where event_time >= $first and event_time < $next
    group by all
),

deals as (
    select
        user_id,
        cast(event_time as date) as event_date,
        count(*) filter (where event_type = 'cart') as carts,
        count(*) filter (where event_type = 'remove_from_cart') as removals,
        count(*) filter (where event_type = 'purchase') as purchases,
        count(*) filter (where event_type = 'refund') as refunds,
        count(distinct product_id) filter (where event_type = 'purchase') as purchased_products,
        100 * sum(price) filter (where event_type = 'purchase') as revenue_cents,
        100 * sum(price) filter (where event_type = 'refund') as refunded_cents
    from (select distinct * from lines where event_type <> 'view' and event_time >= $first and event_time < $next)
    group by all
)

select user_id, event_date, coalesce(columns(* exclude (user_id, event_date)), 0)
from visits
left join deals using (user_id, event_date)
"""


def within(window: int, number: str) -> str:
    """The sum of a number over the last days, of a user's days."""
    return f"sum(case when days_ago <= {window} then {number} else 0 end)"


def days_within(window: int) -> str:
    """How many of the last days are among a user's days."""
    return f"count(case when days_ago <= {window} then 1 end)"


def fading(half_life: int) -> str:
    """A user's days, one counting half for each half-life that it is ago: a whole number of 2^-30 each."""
    return f"sum(round(power(2, 30 - days_ago / {half_life}))) / power(2, 30)"


# name -> aggregate over all active days of a user
ACTIVITY = {
    "active_days": "count(*)",
    **{name: f"sum({name})" for name in ["sessions", "views", "carts"]},
    "refunded": "sum(refunded_cents) / 100",
    "days_since_first_event": "max(days_ago)",
    "days_since_last_event": "min(days_ago)",
    "products_per_active_day": "sum(products) / count(*)",
    "active_days_per_30d": "30 * count(*) / max(days_ago)",
    **{
        f"{name}_on_last_active_day": f"arg_max({name}, event_date)"
        for name in ["views", "carts", "products"]
    },
    **{f"active_days_{window}d": days_within(window) for window in ACTIVITY_WINDOWS},
    **{
        f"{name}_{window}d": within(window, name)
        for name in ["views", "carts"]
        for window in ACTIVITY_WINDOWS
    },
    "sessions_30d": within(30, "sessions"),
    "product_days_30d": within(30, "products"),
    **{
        f"carts_not_bought_{window}d": within(window, "greatest(carts - removals - purchases, 0)")
        for window in [7, 30]
    },
    **{
        name: f"{aggregate}(case when {kind}s > 0 then days_ago end)"
        for kind in ["view", "cart", "refund"]
        for name, aggregate in [
            (f"{kind}_days", "count"),
            (f"days_since_last_{kind}", "min"),
            (f"days_since_first_{kind}", "max"),
        ]
    },
}

ZERO_IF_NEVER_BOUGHT = {
    "purchase_days": "count(*)",
    **{f"purchase_days_{window}d": days_within(window) for window in PURCHASE_WINDOWS},
    **{
        name: f"count_if(days_ago between {first} and {last})"
        for name, (first, last) in SEASONS.items()
    },
    **{f"fading_purchase_days_{half_life}d": fading(half_life) for half_life in HALF_LIVES},
    "revenue": "sum(revenue_cents) / 100",
    **{
        f"revenue_{window}d": f"{within(window, 'revenue_cents')} / 100"
        for window in REVENUE_WINDOWS
    },
    **{f"purchase_lines_{window}d": within(window, "purchases") for window in REVENUE_WINDOWS},
}

# name -> aggregate over the purchase days of a user; `gap` is the days since the purchase day before
BUYING = ZERO_IF_NEVER_BOUGHT | {
    "days_since_last_purchase": "min(days_ago)",
    "days_since_second_last_purchase": "min(days_ago) + arg_max(gap, event_date)",
    "days_since_first_purchase": "max(days_ago)",
    "purchase_days_per_30d": "30 * count(*) / max(days_ago)",
    "days_from_first_to_last_purchase": "sum(gap)",
    "purchase_gap_mean_days": "sum(gap) / count(gap)",
    "purchase_gap_spread_days": """sqrt(
        (count(gap) * sum(gap * gap) - sum(gap) * sum(gap)) / nullif(count(gap) * (count(gap) - 1), 0)
    )""",
    "purchase_gap_last_days": "arg_max(gap, event_date)",
    "purchase_gap_longest_days": "max(gap)",
    "days_since_last_purchase_in_mean_gaps": "min(days_ago) * count(gap) / sum(gap)",
    "days_since_last_purchase_in_longest_gaps": "min(days_ago) / max(gap)",
    "share_of_gaps_outlasted": "count_if(gap <= silent) / count(gap)",
    **{
        f"share_of_longer_gaps_ending_{window}d": f"""
            count_if(gap > silent and gap <= silent + {window}) / nullif(count_if(gap > silent), 0)
        """
        for window in GAP_WINDOWS
    },
    "revenue_per_purchase_day": "sum(revenue_cents) / 100 / count(*)",
    "largest_purchase_day_revenue": "max(revenue_cents) / 100",
    "last_purchase_day_revenue": "arg_max(revenue_cents, event_date) / 100",
    "last_purchase_day_revenue_in_means": """
        arg_max(revenue_cents, event_date) * count(*) / 100 / nullif(sum(revenue_cents) / 100, 0)
    """,
    "lines_per_purchase_day": "sum(purchases) / count(*)",
    "last_purchase_day_lines": "arg_max(purchases, event_date)",
    # a line is one piece in this log
    "quantity_per_purchase_day": "sum(purchases) / count(*)",
    "products_per_purchase_day": "sum(purchased_products) / count(*)",
}

# a CTE that was kept in memory would be a copy of all user days
FEATURES = """
with aged_days as not materialized (
    select *, (select max(event_date) + 1 from user_days) - event_date as days_ago
    from user_days
    where user_id % $parts = $part
),

purchase_days as (
    select
        *,
        cast(event_date - lag(event_date) over (partition by user_id order by event_date) as double) as gap,
        min(days_ago) over (partition by user_id) as silent
    from aged_days
    where purchases > 0
),

activity as (
    select user_id, {activity}
    from aged_days
    group by user_id
),

buying as (
    select user_id, {buying}
    from purchase_days
    group by user_id
)

select user_id, {features}
from activity
left join buying using (user_id)
"""

TOP_BUYERS = f"""
select
    user_id,
    probability,
    row_number() over (order by probability desc, cast(user_id as varchar)) as rank,
    cast(ceil(10 * rank / count(*) over ()) as integer) as decile
from predictions
qualify rank <= ceil({TOP_FRACTION} * count(*) over ())
order by rank
"""


def main() -> None:
    """Read, group, predict, rank, write."""
    events, registry, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    model = Registry(registry).load()
    config = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(out / "spill"),
        "preserve_insertion_order": False,
    }
    with duckdb.connect(config=config) as connection:
        lines = read(connection, events)
        group(connection, parts=ceil(lines / LINES_AT_ONCE))
        predictions = predict(connection, model)
        connection.register("predictions", predictions)
        connection.execute(f"copy predictions to '{out}/predictions.parquet'")
        connection.execute(f"copy ({TOP_BUYERS}) to '{out}/top_buyers.parquet'")


def read(connection: duckdb.DuckDBPyConnection, events: Path) -> int:
    """`lines`, the valid ones: Parquet is read whenever they are, text once. Gives about how many there are."""
    reader = event_files(events)
    kind, counted = ("table", "lines") if "read_csv" in reader else ("view", reader)
    connection.execute(LINES.format(table_or_view=kind, reader=reader))
    ((count,),) = connection.sql(f"select count(*) from {counted}").fetchall()
    return int(count)


def event_files(events: Path) -> str:
    """All lines, as a relation of SQL."""
    if any(events.glob("*.csv")):
        return READ_CSV.format(events=events)
    return f"read_parquet('{events}/*.parquet')"


def group(connection: duckdb.DuckDBPyConnection, parts: int) -> None:
    """`user_days`: one row per user and day, in parts of about as many lines."""
    bounds = [date.min, date.max]
    if parts > 1:
        shares = [part / parts for part in range(1, parts)]
        query = f"select approx_quantile(cast(event_time as date), {shares}) from lines"
        ((inner,),) = connection.sql(query).fetchall()
        bounds[1:1] = inner
    connection.execute(USER_DAYS)
    for first, following in pairwise(bounds):
        connection.execute(USER_DAYS_OF_PART, {"first": first, "next": following})


def predict(connection: duckdb.DuckDBPyConnection, model: LoadedModel) -> pa.Table:
    """`user_id` and `probability` of everybody."""
    query = FEATURES.format(
        activity=listed(ACTIVITY),
        buying=listed(BUYING),
        features=listed(
            {
                name: f"coalesce({name}, 0)::double"
                if name in ZERO_IF_NEVER_BOUGHT
                else f"{name}::double"
                for name in model.feature_names
            }
        ),
    )
    ((users,),) = connection.sql("select count(distinct user_id) from user_days").fetchall()
    parts = ceil(users / USERS_AT_ONCE)
    scored = []
    for part in range(parts):
        connection.execute(query, {"parts": parts, "part": part})
        for batch in connection.to_arrow_reader(USERS_SCORED_AT_ONCE):
            matrix = feature_matrix(batch, model.feature_names)
            probability = model.estimator.predict_proba(matrix)[:, 1]
            scored.append(pa.table({"user_id": batch["user_id"], "probability": probability}))
    return pa.concat_tables(scored)


def listed(columns: dict[str, str]) -> str:
    """The columns of a select."""
    return ", ".join(f"{sql} as {name}" for name, sql in columns.items())


if __name__ == "__main__":
    main()
