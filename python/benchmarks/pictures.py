"""Pictures for the model card from a finished backtest: `python python/benchmarks/pictures.py [--population NAME]`.

Reads training.backtest of the state folder and writes reliability.svg and gains.svg.
"""

import argparse
from pathlib import Path

import altair as alt
import pandas as pd

from likely_buyers.lake import connect
from likely_buyers.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
LABELS = {
    "champion": "champion",
    "bg_nbd": "BG/NBD",
    "frequency": "frequency",
    "recency": "recency",
}
DECILES = """
    select cutoff_date, method, cast(substring(metric, 8, 2) as integer) as decile,
        max(case when metric like '%_users' then value end) as users,
        max(case when metric like '%_actual_buyers' then value end) as actual,
        max(case when metric like '%_predicted_buyers' then value end) as predicted
    from training.backtest
    where metric like 'decile%' and population = ?
    group by all
"""


def main() -> None:
    """Draw both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--population", default="customers", choices=["customers", "users"])
    parser.add_argument("--out", type=Path, default=PROJECT / "docs" / "pictures")
    options = parser.parse_args()
    with connect(Settings.of().lake, read_only=True) as connection:
        deciles = connection.execute(DECILES, [options.population]).df()
    options.out.mkdir(exist_ok=True)
    reliability(deciles).save(str(options.out / "reliability.svg"))
    gains(deciles).save(str(options.out / "gains.svg"))


def reliability(deciles: pd.DataFrame) -> alt.LayerChart:
    """Predicted against actual share of buyers: a dot per decile and cutoff, the champion's."""
    champion = deciles[deciles["method"] == "champion"].copy()
    champion["predicted_rate"] = champion["predicted"] / champion["users"]
    champion["actual_rate"] = champion["actual"] / champion["users"]
    champion["cutoff"] = pd.to_datetime(champion["cutoff_date"]).dt.strftime("%Y-%m-%d")
    top = float(max(champion["predicted_rate"].max(), champion["actual_rate"].max())) * 1.05
    diagonal = alt.Chart(
        pd.DataFrame({"predicted_rate": [0, top], "actual_rate": [0, top]})
    ).mark_line(color="#888", strokeDash=[4, 4])
    dots = alt.Chart(champion, title="Predicted and actual, by decile").mark_circle(size=60)
    percent = alt.Axis(format=".0%")
    return (
        diagonal.encode(x="predicted_rate", y="actual_rate")
        + dots.encode(
            alt.X("predicted_rate", title="mean probability of the decile", axis=percent),
            alt.Y("actual_rate", title="share that bought", axis=percent),
            alt.Color("cutoff", title="cutoff", scale=alt.Scale(scheme="viridis")),
        )
    ).properties(width=360, height=360, background="white")


def gains(deciles: pd.DataFrame) -> alt.LayerChart:
    """Share of all buyers found in the top share of users, over all cutoffs."""
    chosen = deciles[deciles["method"].isin(list(LABELS))]
    totals = chosen.groupby(["method", "decile"], as_index=False)[["users", "actual"]].sum()
    totals = totals.sort_values(["method", "decile"])
    shares = totals.groupby("method")[["users", "actual"]].transform(
        lambda counts: counts.cumsum() / counts.sum()
    )
    curve = totals[["method"]].assign(contacted=shares["users"], found=shares["actual"])
    start = pd.DataFrame({"method": list(LABELS), "contacted": 0.0, "found": 0.0})
    curve = pd.concat([start, curve]).replace({"method": LABELS})
    percent = alt.Axis(format=".0%")
    lines = alt.Chart(curve, title="Buyers found by contacting the top of the list")
    random = alt.Chart(pd.DataFrame({"contacted": [0, 1], "found": [0, 1]}))
    return (
        random.mark_line(color="#888", strokeDash=[4, 4]).encode(x="contacted", y="found")
        + lines.mark_line(point=True).encode(
            alt.X("contacted", title="share of users contacted", axis=percent),
            alt.Y("found", title="share of buyers found", axis=percent),
            alt.Color("method", title="", sort=list(LABELS.values())),
        )
    ).properties(width=360, height=360, background="white")


if __name__ == "__main__":
    main()
