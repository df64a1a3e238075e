"""An audience for a mailing tool: the users of a campaign to contact, as CSV, with the first reason.

    python docs/examples/audience_export.py CAMPAIGN OUT.csv [warehouse/published/gold.duckdb]

Users of the control group are not in the file: they must not be contacted. Ids are as they are, for a program to match:
in a spreadsheet one that begins with = would be a formula.
"""

import sys

import duckdb

AUDIENCE = """
    select
        audiences.campaign,
        audiences.user_id,
        audiences.rank,
        round(audiences.probability, 4) as probability,
        top_buyer_reasons.reason
    from gold.audiences
    left join gold.top_buyer_reasons
        on
            audiences.user_id = top_buyer_reasons.user_id
            and audiences.outcome = top_buyer_reasons.outcome
            and top_buyer_reasons.reason_rank = 1
    where audiences.campaign = ? and audiences.arm = 'treated'
    order by audiences.rank
"""
ARMS = "select arm, count(*) from gold.audiences where campaign = ? group by all"

if len(sys.argv) < 3:
    sys.exit("which campaign, and which file? audience_export.py CAMPAIGN OUT.csv [GOLD]")
campaign, out = sys.argv[1:3]
published = sys.argv[3] if len(sys.argv) > 3 else "warehouse/published/gold.duckdb"
with duckdb.connect(published, read_only=True) as gold:
    users = dict(gold.execute(ARMS, [campaign]).fetchall())
    if not users:
        sys.exit(f"gold.audiences has no campaign {campaign!r}, or its start_date has not come yet")
    gold.sql(AUDIENCE, params=[campaign]).write_csv(out)
print(
    f"{campaign}: {users.get('treated', 0):,} users to contact in {out},"
    f" {users.get('control', 0):,} held back"
)
