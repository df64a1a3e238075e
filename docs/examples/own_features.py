"""Own features: does a feature of yours tell the model something new? Ask before you add it.

    python docs/examples/own_features.py [warehouse]

It computes a candidate at the cutoffs of training.examples, from events before each cutoff only, and compares a
logistic regression with and without it on the last cutoff, which neither was fitted on. It reads the warehouse, so no
build may run meanwhile, and needs what `likely-buyers train` left there.
"""

import sys
from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from likely_buyers.lake import connect
from likely_buyers.settings import Lake

# edit this: one number for each user and cutoff
CANDIDATE = """
    select
        examples.user_id,
        examples.cutoff_date,
        count(distinct events.brand) as brands_30d
    from training.examples
    inner join silver.events
        on
            examples.user_id = events.user_id
            and events.event_date < examples.cutoff_date
            and events.event_date >= examples.cutoff_date - interval 30 days
    group by all
"""
NAME = "brands_30d"
LABEL = "label_purchase_30d"  # of the outcome purchase_30d
EXAMPLES = f"""
    select examples.*, coalesce({NAME}, 0) as {NAME}
    from training.examples
    left join ({CANDIDATE}) using (user_id, cutoff_date)
    where {LABEL} is not null
    order by cutoff_date, user_id
"""  # noqa: S608

state = Path(sys.argv[1] if len(sys.argv) > 1 else "warehouse")
with connect(Lake.in_folder(state), read_only=True) as connection:
    examples = connection.sql(EXAMPLES).df()

last = examples["cutoff_date"].max()
# cutoffs are half a horizon apart: the labels of the last but one speak of days after the last
horizon_over = examples["cutoff_date"] < sorted(examples["cutoff_date"].unique())[-2]
fit, test = examples[horizon_over], examples[examples["cutoff_date"] == last]
labels = [name for name in examples.columns if name.startswith("label_")]
features = examples.columns.drop(["user_id", "cutoff_date", "as_of_date", *labels])
print(f"{len(fit):,} examples to fit, {len(test):,} to test at {last:%Y-%m-%d}")
for title, columns in (("without", features.drop(NAME)), (f"with {NAME}", features)):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(fit[columns].fillna(-1), fit[LABEL])
    probability = model.predict_proba(test[columns].fillna(-1))[:, 1]
    print(
        f"{title:16} log loss {log_loss(test[LABEL], probability):.5f}"
        f"   AUC {roc_auc_score(test[LABEL], probability):.4f}"
    )
