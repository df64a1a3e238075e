"""Any way of delivering the same lines, late, again, split and shuffled, ends in the same silver tables."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.installation import Installation
from support.lakes import answer, open_lake

HEADER = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
)
TABLES = ("told_events", "silver.user_days", "silver.user_features")


def contents(state: Path) -> dict[str, list[tuple[Any, ...]]]:
    with open_lake(state, read_only=True) as connection:
        return {table: answer(connection, f"from {table} order by all") for table in TABLES}


def deliver(folder: Path, name: str, lines: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_text("\n".join([HEADER, *lines, ""]))


event_lines = st.builds(
    "2020-01-{:02d} {:02d}:00:00 UTC,{},{},1,,,{},{},s{}".format,
    st.integers(1, 5),
    st.integers(0, 2),
    st.sampled_from(["view", "cart", "purchase", "hover"]),
    st.integers(1, 3),
    st.sampled_from(["1.50", "2", "", "-1"]),
    st.sampled_from(["7", "8", "007", ""]),
    st.integers(1, 2),
)
# days of delivery, each of files, each of lines, out of few enough that some come twice
deliveries = st.lists(
    st.lists(st.lists(event_lines, min_size=1, max_size=12), min_size=1, max_size=2),
    min_size=2,
    max_size=4,
)


@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    # a smaller example would cost many builds: the time of a red run is bounded, too
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(delivered=deliveries, turn=st.randoms(use_true_random=False))
def test_any_sequence_of_increments_gives_what_a_full_refresh_gives(
    delivered: list[list[list[str]]], turn: Any
) -> None:
    valid = (
        "2020-01-01 09:00:00 UTC,view,1,1,,,1,7,s1"  # a shop without a valid event has no features
    )
    delivered[0][0].append(valid)

    def build(state: Path, events: Path, *flags: str, **variables: Any) -> None:
        # half of the lines may be broken here
        variables |= {"events_path": str(events), "as_of": "2020-01-20", "stop_left_over": 1}
        built = Installation(state).build_models(
            "--select", "+user_features", *flags, variables=variables
        )
        assert built.succeeded, built.output

    with tempfile.TemporaryDirectory() as temporary:
        events = Path(temporary) / "events"
        for day, files in enumerate(delivered):
            for number, lines in enumerate(files):
                deliver(events, f"day{day}-{number}", lines)
            build(Path(temporary) / "by_increments", events)
        by_increments = contents(Path(temporary) / "by_increments")

        # all at once, in other files, under other names, in another order, grouped in many small parts
        everything = [line for files in delivered for lines in files for line in lines]
        turn.shuffle(everything)
        cut = turn.randint(0, len(everything))
        again = Path(temporary) / "again"
        for name, lines in (("b", everything[:cut]), ("a", everything[cut:])):
            if lines:
                deliver(again, name, lines)
        build(Path(temporary) / "at_once", again, events_per_chunk=2, users_per_chunk=1)
        assert contents(Path(temporary) / "at_once") == by_increments

        build(Path(temporary) / "by_increments", events, "--full-refresh")
        assert contents(Path(temporary) / "by_increments") == by_increments
