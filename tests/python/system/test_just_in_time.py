"""Events in a request count as in the build: a random shop with everything that goes wrong, told twice.

Features are compared, all of them to the bit: whatever model scores them then says the same.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likely_buyers.serving.events import Event, accepted, as_table
from likely_buyers.serving.live_features import LiveFeatures
from likely_buyers.serving.store import ServingCopy
from support.told_shop import (
    BUILD,
    FEATURES,
    LATER,
    MAPPINGS,
    as_event,
    bits,
    day_of,
    told_events,
    told_project,
    write,
)


@pytest.mark.parametrize("name", MAPPINGS)
def test_features_of_requests_have_the_bits_of_the_next_build(tmp_path: Path, name: str) -> None:
    mapping = MAPPINGS[name]
    lines = told_events(np.random.default_rng(sorted(MAPPINGS).index(name)))
    before = [line for line in lines if day_of(line["moment"], mapping) < BUILD]
    since = [line for line in lines if BUILD <= day_of(line["moment"], mapping) < LATER]
    assert len(since) > 100
    installation, deliveries, variables = told_project(tmp_path, mapping, before)
    variables["as_of"] = str(BUILD)
    kinds = ("--exclude-resource-type", "unit_test")
    installation.built(*kinds, variables=variables)
    copied = installation.run("likely-buyers", "serving-copy", variables=variables)
    assert copied.succeeded, copied.output

    write(deliveries / "b.csv", since)
    later = variables | {"as_of": str(LATER)}
    built = installation.build_models("--select", "+user_features", variables=later)
    assert built.succeeded, built.output
    columns = [
        column
        for (column,) in installation.query(
            "select column_name from (describe silver.user_features)"
        )
    ]
    rows = installation.query("from silver.user_features")
    expected = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}

    copy = ServingCopy(installation.state / "serving" / "copy.sqlite")
    live = LiveFeatures(copy.sql, FEATURES, [])
    by_user: dict[str, list[dict[str, Any]]] = {}
    for line in since:
        told = as_event(line, "event_id" in mapping, "currency" in mapping)
        if name == "of a currency without a rate":
            told["currency"] = f"{line['money']}X"
        by_user.setdefault(line["who"], []).append(told)
    events = {
        user: accepted(
            [Event.model_validate(one) for one in of_user],
            user,
            LATER,
            copy.rules,
            datetime(2026, 1, 1),
        )
        for user, of_user in by_user.items()
    }
    reasons = {one.reason for found in events.values() for one in found.left_out}
    assert {"unknown_event_type", "negative_price", "non_positive_quantity"} <= reasons
    assert ("duplicate" in reasons) == (name != "equal lines are several")
    days = {user: packed for user in expected if (packed := copy.days(user))}
    assert "new" not in days
    found = {}
    users = sorted(expected)
    for place in range(0, len(users), 40):
        some = users[place : place + 40]
        known = [user for user in some if user in days]
        rows = live.rows(
            copy.table([days[user] for user in known], known),
            as_table({user: events[user].rows for user in some if user in events}),
            LATER,
        )
        found |= {row[0]: dict(zip(live.columns, row, strict=True)) for row in rows}
    assert sorted(found) == users
    for user in users:
        differing = {
            feature: (found[user][feature], expected[user][feature])
            for feature in FEATURES
            if bits(found[user][feature]) != bits(expected[user][feature])
        }
        assert not differing, user
    changed = [user for user in users if user in events and events[user].rows]
    assert len(changed) > 20
