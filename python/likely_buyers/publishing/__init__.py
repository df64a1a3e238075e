"""Publishing: gold of a build that passed, to where people and BI tools read it. No reader waits or sees half of it."""

from likely_buyers.publishing.build import GoldTable, PassedBuild, read_build
from likely_buyers.publishing.errors import (
    MissingCredentials,
    NotPublishable,
    PlaceFailed,
    PublishingError,
    PublishingMisconfigured,
)
from likely_buyers.publishing.publish import Places, publish
from likely_buyers.publishing.receipts import Published, PublishedTable

__all__ = [
    "GoldTable",
    "MissingCredentials",
    "NotPublishable",
    "PassedBuild",
    "PlaceFailed",
    "Places",
    "Published",
    "PublishedTable",
    "PublishingError",
    "PublishingMisconfigured",
    "publish",
    "read_build",
]
