"""The command line, `likely-buyers …`: a command a function in `commands`."""

from likely_buyers.cli.program import app, main

__all__ = ["app", "main"]
