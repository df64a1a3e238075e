"""Publishing: gold of a build that passed, to where people and BI tools read it. No reader waits or sees half of it."""

from likely_buyers.publishing.errors import PublishingError
from likely_buyers.publishing.gold import Published
from likely_buyers.publishing.publish import publish

__all__ = ["Published", "PublishingError", "publish"]
