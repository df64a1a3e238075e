"""The job behind training.promotions: the promotion log of the registry as a table."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from likely_buyers.dbt.refusals import without_traceback
from likely_buyers.outcomes import Predicted, outcome_of
from likely_buyers.registry import Registry
from likely_buyers.settings import Settings

PROMOTIONS_SCHEMA = pa.schema(
    [
        ("number", pa.int32()),
        ("outcome", pa.string()),
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
def list_promotions(*, predicted: Any) -> pa.Table:
    """One row per promotion of the promotion logs, oldest first (`PROMOTIONS_SCHEMA`); times are UTC without a zone.

    Of all outcomes that have a registered model, configured or not.

    Args:
        predicted: what `Predicted.of` takes.

    Raises:
        RegistryError: the registry cannot be read, or a promotion log is damaged.
    """
    base = Registry.of(Settings.of(), model_name=Predicted.of(predicted).base)
    rows = [
        {
            "number": promotion.number,
            "outcome": outcome_of(name),
            "model_name": name,
            "model_version": promotion.version,
            "replaces": promotion.replaces,
            "kind": promotion.kind,
            "reason": promotion.reason,
            "promoted_by": promotion.by,
            "promoted_at": _utc(promotion.at),
            "until": promotion.until and _utc(promotion.until),
        }
        for name in base.names()
        for promotion in Registry.of(Settings.of(), model_name=name).promotions()
    ]
    return pa.Table.from_pylist(rows, schema=PROMOTIONS_SCHEMA)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
