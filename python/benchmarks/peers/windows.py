"""What the features look at, in days: the same for every peer, which computes it in its own way."""

ACTIVITY_WINDOWS = [1, 3, 7, 14, 30, 90, 365]
PURCHASE_WINDOWS = [7, 14, 30, 60, 90, 180, 365]
REVENUE_WINDOWS = [30, 90, 365]
GAP_WINDOWS = [30, 90]
SEASONS = {
    "purchase_days_same_30d_last_year": (336, 365),
    "purchase_days_same_90d_last_year": (276, 365),
    "purchase_days_same_90d_two_years_ago": (641, 730),
    "purchase_days_same_90d_three_years_ago": (1006, 1095),
}
HALF_LIVES = [30, 90, 365]
