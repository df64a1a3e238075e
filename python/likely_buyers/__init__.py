"""likely_buyers: a shop's raw event log in, a ranked list of the customers most likely to buy next out."""
