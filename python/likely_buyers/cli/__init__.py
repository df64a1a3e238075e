"""The command line: `likely-buyers simulate / train / promote / rollback / models / top / replay / publish`."""

from likely_buyers.cli.commands import app, main

__all__ = ["app", "main"]
