"""Why there is no report."""


class ReportImpossible(Exception):
    """The warehouse cannot be read, or holds nothing to report on; the message says why and what to do."""
