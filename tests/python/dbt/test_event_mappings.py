"""The shipped event mappings, on files of the shape they are for."""

from pathlib import Path

from support.installation import Installation

RETAILROCKET = """timestamp,visitorid,event,itemid,transactionid
1433221332117,257597,view,355908,
1433221332117,257597,view,355908,
1433224214164,992329,addtocart,248676,
1433222276276,599528,transaction,356475,4000
1433222276276,599528,transaction,15335,4000
1433193500981,007,view,356475,
noon,121688,view,15335,
1433193500981,121688,wishlist,15335,
"""


def test_retailrocket(installation: Installation, tmp_path: Path) -> None:
    """Milliseconds since 1970, in UTC; a transaction is a purchase of each of its items."""
    (tmp_path / "events.csv").write_text(RETAILROCKET)
    installation.built(
        *("--select", "+user_days"),
        variables={"event_mapping": "retailrocket", "events_path": f"{tmp_path}/events.csv"},
    )
    found = installation.query(
        "select event_time::varchar, event_date::varchar, event_type, user_id, product_id, line_count"
        " from told_events order by all"
    )
    assert found == [
        ("2015-06-01 21:18:20.981", "2015-06-01", "view", "007", "356475", 1),
        ("2015-06-02 05:02:12.117", "2015-06-02", "view", "257597", "355908", 2),
        ("2015-06-02 05:17:56.276", "2015-06-02", "purchase", "599528", "15335", 1),
        ("2015-06-02 05:17:56.276", "2015-06-02", "purchase", "599528", "356475", 1),
        ("2015-06-02 05:50:14.164", "2015-06-02", "cart", "992329", "248676", 1),
    ]
    assert installation.query("select reasons, line ->> 'event' from silver.quarantined_events order by 1") == [
        ("invalid_event_time", "view"),
        ("unknown_event_type", "wishlist"),
    ]  # fmt: skip
    bought = "select user_id, purchases, products from silver.user_days where purchases > 0"
    assert installation.query(bought) == [("599528", 2, 2)]
