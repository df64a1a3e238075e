"""A demo shop whose future is known: events to read, and the truth to judge by.

`simulate_shop` writes one file of events per day in the shape of the public REES46 log, dirt
included, and beside them, in `_truth/`, everything the simulator knew: each user's latent rates,
when they joined and left, when they were interested, who bought when, and how many lines of each
kind of dirt were planted.

`purchase_probability` turns that truth into the exact chance that a user buys within a horizon. No
model that only sees events can rank better than it, except by luck, so its AUC is the bound a
model's AUC is read against.

How the modules divide the work:

- `settings`: what a caller may ask for, and the errors for what cannot be
- `shop_calendar`: weekdays, seasons and sales
- `catalogue`: products, categories, brands, prices
- `behaviour`: the law of the shop, the one place that both the generator and the oracle take their
  chances from
- `people`: the users, their latent rates, and their states from midnight to midnight
- `sessions`: one day of visits, turned into event lines
- `dirt`: duplicates, damage and lateness
- `files`: lines as CSV, JSON lines or Parquet
- `truth`: what is written in `_truth/`
- `oracle`: the chance of a purchase, computed from the truth
- `shop`: all of it, day by day
"""

from likely_buyers.demo_shop.oracle import purchase_probability, true_probabilities
from likely_buyers.demo_shop.settings import FileFormat, SimulationError, SimulationSettings
from likely_buyers.demo_shop.shop import SimulationSummary, simulate_shop

__all__ = [
    "FileFormat",
    "SimulationError",
    "SimulationSettings",
    "SimulationSummary",
    "purchase_probability",
    "simulate_shop",
    "true_probabilities",
]
