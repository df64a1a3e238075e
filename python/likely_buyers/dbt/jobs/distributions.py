"""The job behind training.champion_distributions: what the champions were trained on, as a table."""

from typing import Any

import pyarrow as pa

from likely_buyers.dbt.refusals import without_traceback
from likely_buyers.outcomes import Predicted
from likely_buyers.registry import Registry
from likely_buyers.settings import Settings
from likely_buyers.terminal import say
from likely_buyers.training import REFERENCE_SCHEMA, of_file

DISTRIBUTIONS_SCHEMA = pa.schema(
    [
        ("outcome", pa.string()),
        ("model_name", pa.string()),
        ("model_version", pa.int32()),
        *REFERENCE_SCHEMA,
    ]
)


@without_traceback
def list_distributions(*, predicted: Any) -> pa.Table:
    """Each champion's reference (`DISTRIBUTIONS_SCHEMA`); a champion registered without one is told.

    Args:
        predicted: what `Predicted.of` takes.

    Raises:
        RegistryError: the registry cannot be read, or the reference is not the one that was registered.
        ExamplesSchemaError: it is none.
    """
    of, tables = Predicted.of(predicted), [DISTRIBUTIONS_SCHEMA.empty_table()]
    for outcome in of.outcomes:
        registry = Registry.of(Settings.of(), model_name=of.model_name(outcome))
        champion = registry.champion()
        if champion is None:
            continue
        content = registry.reference(champion.version)
        if content is None:
            say(
                f"{champion.label} was registered without the distributions it was trained on, so drift cannot be told"
                " for it. The next one has them: likely-buyers train --promote"
            )
            continue
        table = of_file(content)
        keys = [
            pa.array([value] * table.num_rows, DISTRIBUTIONS_SCHEMA.field(name).type)
            for name, value in (
                ("outcome", outcome.name),
                ("model_name", champion.model_name),
                ("model_version", champion.version),
            )
        ]
        tables.append(pa.table([*keys, *table.columns], schema=DISTRIBUTIONS_SCHEMA))
    return pa.concat_tables(tables)
