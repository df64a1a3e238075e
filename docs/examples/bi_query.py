"""A query as a BI tool sends it: what the list is worth by favourite category.

    python docs/examples/bi_query.py [warehouse/published/gold.duckdb]

It reads what `likely-buyers publish` wrote, so a build may run meanwhile.
"""

import sys

import duckdb

QUERY = """
    select
        coalesce(favourite_category, 'none') as favourite_category,
        count(*) as listed_users,
        round(sum(probability), 1) as expected_buyers,
        round(avg(lift), 1) as mean_lift,
        round(sum(expected_revenue), 2) as expected_revenue
    from gold.top_buyers
    where outcome = 'purchase_30d'
    group by all
    order by expected_revenue desc nulls last, favourite_category
    limit 10
"""

published = sys.argv[1] if len(sys.argv) > 1 else "warehouse/published/gold.duckdb"
with duckdb.connect(published, read_only=True) as gold:
    gold.sql(QUERY).show()
