"""A shop whose deliveries are built one after the other."""

from collections.abc import Sequence
from pathlib import Path

from support.installation import Finished, Installation


class DeliveredShop:
    """A folder of deliveries, and the warehouse that takes them in up to its features."""

    def __init__(self, folder: Path) -> None:
        self.events = folder / "events"
        self.warehouse = Installation(folder / "state")
        self.variables = {"events_path": str(self.events), "as_of": "2020-02-01"}
        # Python that the process of a build runs before it: what happens to it, or around it
        self.first = ""

    def build(
        self,
        *flags: str,
        select: Sequence[str] = ("+user_features",),
        into: Installation | None = None,
    ) -> Finished:
        return (into or self.warehouse).build_models(
            "--select", *select, *flags, variables=self.variables, first=self.first
        )

    def built(
        self,
        *flags: str,
        select: Sequence[str] = ("+user_features",),
        into: Installation | None = None,
    ) -> str:
        """What a build that must succeed said, in one line."""
        finished = self.build(*flags, select=select, into=into)
        assert finished.succeeded, finished.output
        return " ".join(finished.output.split())
