"""The job behind training.promotions: the promotion log of the registry as a table."""

from datetime import UTC, datetime

import pyarrow as pa

from likely_buyers.dbt.refusals import without_traceback
from likely_buyers.registry import Registry
from likely_buyers.settings import Settings

PROMOTIONS_SCHEMA = pa.schema(
    [
        ("number", pa.int32()),
        ("model_name", pa.string()),
        ("model_version", pa.int32()),
        ("replaces", pa.int32()),
        ("kind", pa.string()),
        ("reason", pa.string()),
        ("promoted_by", pa.string()),
        ("promoted_at", pa.timestamp("us")),
        ("until", pa.timestamp("us")),
    ]
)


@without_traceback
def list_promotions(*, model_name: str) -> pa.Table:
    """One row per promotion of the promotion log, oldest first (`PROMOTIONS_SCHEMA`); times are UTC without a zone.

    Raises:
        RegistryError: the registry cannot be read, or its promotion log is damaged.
    """
    registry = Registry.of(Settings.of(), model_name=model_name)
    rows = [
        {
            "number": promotion.number,
            "model_name": model_name,
            "model_version": promotion.version,
            "replaces": promotion.replaces,
            "kind": promotion.kind,
            "reason": promotion.reason,
            "promoted_by": promotion.by,
            "promoted_at": _utc(promotion.at),
            "until": promotion.until and _utc(promotion.until),
        }
        for promotion in registry.promotions()
    ]
    return pa.Table.from_pylist(rows, schema=PROMOTIONS_SCHEMA)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
