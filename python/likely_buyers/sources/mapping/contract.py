"""The event contract as a mapping sees it: which columns it can give, which it must."""

COLUMNS = (
    *("event_id", "event_time", "event_type", "user_id", "session_id", "product_id"),
    *("category", "brand", "price", "quantity", "currency"),
)
"""In the order of silver.events. event_date is derived from event_time."""

REQUIRED = ("event_time", "event_type", "user_id")

NUMBERS = {"price": "decimal(18, 4)", "quantity": "decimal(18, 3)"}
"""Columns that are no text, and their types; a time is typed by what it is read from."""
