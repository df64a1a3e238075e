"""What a purchase day is worth: rules for expected revenue, held against what was spent.

    python python/benchmarks/value.py --state FOLDER [FOLDER ...]

A state folder needs silver.user_days and, in gold.prediction_history, scores whose horizon is over by its last event:
`likely-buyers backfill` writes them. Each set of scores is a cutoff. A rule sees the purchase days before the cutoff.
Rules of spend multiply by the same purchase days, so that they differ by nothing else. Prints a table (Markdown) for
each folder and one of their means.

Sources of methods:
    Gamma-Gamma: P. Fader, B. Hardie, The Gamma-Gamma Model of Monetary Value, 2013.
    credibility: H. Buehlmann, Experience Rating and Credibility, ASTIN Bulletin 4, 1967.
    bounds that grow with the number of values: S. Bubeck, N. Cesa-Bianchi, G. Lugosi, Bandits with Heavy Tail, IEEE
    Transactions on Information Theory 59, 2013.
    median of means: A. Nemirovski, D. Yudin, Problem Complexity and Method Efficiency in Optimization, 1983.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import spearmanr

from likely_buyers.lake import connect
from likely_buyers.settings import Lake

Floats = NDArray[np.float64]

CUTOFFS = """
    select distinct as_of_date, horizon_days
    from gold.prediction_history
    where as_of_date + horizon_days <= (select max(event_date) + 1 from silver.user_days)
    order by as_of_date
"""
PURCHASE_DAYS = """
    select user_id, date_diff('day', event_date, $as_of) as days_ago, cast(revenue as double) as revenue
    from silver.user_days
    where purchases > 0 and revenue is not null and event_date < $as_of and hash(user_id) % 10000 < 10000 * $share
    order by user_id, event_date
"""
USERS = """
    with spent as (
        select user_id, sum(revenue) as spent, count(*) as days_spent
        from silver.user_days
        where purchases > 0 and event_date >= $as_of and event_date < $as_of + cast($horizon as integer)
        group by user_id
    )
    select user_id, probability, cast(coalesce(spent, 0) as double) as spent, coalesce(days_spent, 0) as days_spent
    from gold.prediction_history
    left join spent using (user_id)
    where as_of_date = $as_of and horizon_days = $horizon and hash(user_id) % 10000 < 10000 * $share
    qualify row_number() over (partition by user_id order by model_version desc) = 1
    order by user_id
"""
TYPO = 8e6


@dataclass(frozen=True)
class Shop:
    """What is known at a cutoff: of each user revenue, days and largest day; of the shop the amounts of late days."""

    revenue: Floats
    days: Floats
    largest: Floats
    last_horizon: Floats
    """Amounts of the purchase days in the last horizon."""
    latest: Floats
    """The same, or of the latest 200 purchase days of a year where the horizon has fewer."""


def towards(shop: Shop, mean: float, weight: float, revenue: Floats | None = None) -> Floats:
    """Each user's mean, drawn towards the shop's by the weight of so many purchase days."""
    own = shop.revenue if revenue is None else revenue
    return (own + weight * mean) / np.maximum(shop.days + weight, weight or 1)


def plain(shop: Shop) -> Floats:
    """Means as they are."""
    return towards(shop, float(shop.last_horizon.mean()), 1)


def ten_medians(shop: Shop) -> Floats:
    """The rule before: no day counts more than ten times the median in the shop's mean."""
    amounts = shop.last_horizon
    return towards(shop, float(np.minimum(amounts, 10 * np.median(amounts)).mean()), 1)


def median_of_means(shop: Shop) -> Floats:
    """The shop's mean is the median of the means of ten groups of days."""
    groups = np.array_split(shop.latest, min(10, len(shop.latest)))
    return towards(shop, float(np.median([group.mean() for group in groups])), 1)


def winsorized(shop: Shop) -> Floats:
    """The shop's largest 5 % of the days count as the next smaller one."""
    amounts = np.sort(shop.latest)
    most = amounts[len(amounts) - 1 - int(np.ceil(0.05 * len(amounts)))]
    return towards(shop, float(np.minimum(amounts, most).mean()), 1)


def geometric(shop: Shop, weight: float) -> Floats:
    """Credibility of the logarithm: the geometric mean of the user's mean and the shop's, bounded both."""
    mean = float(np.minimum(shop.latest, bound(shop.latest)).mean())
    own = np.maximum(own_bounded(shop), 0.01) / np.maximum(shop.days, 1)
    return np.exp((shop.days * np.log(own) + weight * np.log(mean)) / (shop.days + weight))


def bound(amounts: Floats) -> float:
    """The most that a day counts for, as in models/gold/top_buyers.sql."""
    logs = np.sort(np.log(amounts[amounts > 0]))
    least, most = len(logs) // 4, len(logs) - -(-len(logs) // 4)
    middle = float(np.exp(logs[least:most].mean())) if most > least else np.inf
    return middle * min(max(len(logs) / 40, 3), 100)


def bounded(shop: Shop, weight: float) -> Floats:
    """Means of bounded days, the shop's and the user's."""
    mean = float(np.minimum(shop.latest, bound(shop.latest)).mean())
    return towards(shop, mean, weight, own_bounded(shop))


def own_bounded(shop: Shop) -> Floats:
    """Each user's revenue, the largest day bounded unless the others are nearly as large."""
    others = (shop.revenue - shop.largest) / np.maximum(shop.days - 1, 1)
    most = np.maximum(bound(shop.latest), 3 * others)
    return shop.revenue - shop.largest + np.minimum(shop.largest, most)


def gamma_gamma(shop: Shop) -> Floats:
    """Fader and Hardie's model, by maximum likelihood over all buyers."""
    days, means = (
        shop.days[shop.revenue > 0],
        (shop.revenue / np.maximum(shop.days, 1))[shop.revenue > 0],
    )
    unit = float(np.median(means))
    z = means / unit

    def loss(logs: Floats) -> float:
        p, q, scale = np.exp(np.clip(logs, -10, 10))
        terms = gammaln(p * days + q) - gammaln(p * days) - gammaln(q) + q * np.log(scale)
        terms += (p * days - 1) * np.log(z) + p * days * np.log(days)
        return -float((terms - (p * days + q) * np.log(scale + days * z)).mean())

    p, q, scale = np.exp(minimize(loss, [0.5, 1.0, 1.0], method="Nelder-Mead").x)
    return p * (scale * unit + shop.revenue) / np.maximum(p * shop.days + q - 1, 1e-9)


RULES: dict[str, Callable[[Shop], Floats]] = {
    "plain means, weight 1": plain,
    "ten medians, weight 1 (before)": ten_medians,
    "Gamma-Gamma": gamma_gamma,
    "median of means, weight 1": median_of_means,
    "winsorized 5 %, weight 1": winsorized,
    "bounded, weight 1": lambda shop: bounded(shop, 1.0),
    "bounded, weight 2": lambda shop: bounded(shop, 2.0),
    "bounded, of logarithms, weight 1": lambda shop: geometric(shop, 1.0),
    "bounded, of logarithms, weight 2": lambda shop: geometric(shop, 2.0),
}
NOW = "the same, days by probability (now)"
"""The last rule of spend, with purchase days as in models/gold/top_buyers.sql."""


def main() -> None:
    """Measure every rule at every cutoff of every folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--state", type=Path, nargs="+", required=True, help="state folders")
    parser.add_argument(
        "--share", type=float, default=1.0, help="of the users, for what a smaller shop would see"
    )
    options = parser.parse_args()
    shops = {}
    for state in options.state:
        shops[state.name] = pd.DataFrame(measured(state, options.share))
        cutoffs = len(shops[state.name]) // (len(RULES) + 1)
        print(table(f"{state.name}, mean of {cutoffs} cutoffs", shops[state.name]))
    if len(shops) > 1:
        means = [shop.groupby("rule", sort=False).mean() for shop in shops.values()]
        print(table("mean of the shops", pd.concat(means).reset_index()))


def measured(state: Path, share: float) -> Iterator[dict[str, float | str]]:
    """A row for each cutoff and rule."""
    with connect(Lake.in_folder(state), read_only=True) as connection:
        for as_of, horizon in connection.execute(CUTOFFS).fetchall():
            given = {"as_of": as_of, "share": share}
            days = connection.execute(PURCHASE_DAYS, given).df()
            users = connection.execute(USERS, given | {"horizon": horizon}).df()
            in_horizon = days["days_ago"] <= horizon
            if not in_horizon.any() or not users["spent"].sum():
                continue
            probability = users["probability"].to_numpy()
            shop = known(days, users["user_id"], horizon)
            per_buyer = in_horizon.sum() / days.loc[in_horizon, "user_id"].nunique()
            further = -np.log1p(-np.minimum(probability, 0.999)) - np.minimum(probability, 0.999)
            further *= (per_buyer - 1) * probability.sum() / further.sum()
            for name, rule in RULES.items():
                spend = rule(shop)
                about = {"typo": moved_by_a_typo(rule, shop), "purchase days": len(shop.latest)}
                expected = probability * per_buyer * spend
                yield {"rule": name} | figures(users, spend, expected) | about
            expected = (probability + further) * spend
            yield {"rule": NOW} | figures(users, spend, expected) | about


def known(days: pd.DataFrame, users: pd.Series, horizon: int) -> Shop:
    """The shop at a cutoff, users in the order given."""
    own = days.groupby("user_id")["revenue"].agg(["sum", "count", "max"]).reindex(users).fillna(0)
    late = days[days["days_ago"] <= max(horizon, 365)]
    reaches = late["days_ago"].nsmallest(200).max()
    return Shop(
        *(own[name].to_numpy(np.float64) for name in ("sum", "count", "max")),
        days.loc[days["days_ago"] <= horizon, "revenue"].to_numpy(np.float64),
        late.loc[late["days_ago"] <= max(horizon, reaches), "revenue"].to_numpy(np.float64),
    )


def figures(users: pd.DataFrame, spend: Floats, expected: Floats) -> dict[str, float]:
    """How near the rule came."""
    spent, days = users["spent"].to_numpy(), users["days_spent"].to_numpy()
    bought = days > 0
    given_days = float((days * spend).sum() / spent.sum())
    return {
        "sum": float(expected.sum() / spent.sum()),
        "sum, days known": given_days,
        "error of it": abs(float(np.log(given_days))),
        "MAE": float(np.abs(expected - spent).mean() / spent.mean()),
        "MAE, days known": float(np.abs(days * spend - spent).mean() / spent.mean()),
        "Spearman": float(spearmanr(expected, spent)[0]),
        "revenue in the top tenth": float(
            spent[np.argsort(-expected, kind="stable")[: -(-len(spent) // 10)]].sum() / spent.sum()
        ),
        "Spearman of buyers": float(spearmanr(spend[bought], spent[bought] / days[bought])[0]),
    }


def moved_by_a_typo(rule: Callable[[Shop], Floats], shop: Shop) -> float:
    """What one more order, of eight million, makes of what is expected of who never bought."""
    own = (shop.revenue, shop.days, shop.largest)
    found = []
    for of_one in ([], [TYPO]):
        users = (np.r_[of_one, 0], np.r_[np.ones(len(of_one)), 0], np.r_[of_one, 0])
        columns = (np.r_[column, of] for column, of in zip(own, users, strict=True))
        changed = Shop(*columns, np.r_[shop.last_horizon, of_one], np.r_[shop.latest, of_one])
        found.append(float(rule(changed)[-1]))
    return found[1] / found[0]


def table(name: str, rows: pd.DataFrame) -> str:
    """Means of the rows by rule, as Markdown; of what an order of eight million does the worst."""
    found = rows.groupby("rule", sort=False).agg(
        {
            column: "max" if column == "typo" else "mean"
            for column in rows.columns
            if column != "rule"
        }
    )
    lines = [
        "| " + " | ".join([name, *found.columns]) + " |",
        "|---" * (len(found.columns) + 1) + "|",
    ]
    for rule, row in zip(found.index, found.to_numpy(), strict=True):
        lines.append(f"| {rule} | " + " | ".join(f"{value:.4g}" for value in row) + " |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
