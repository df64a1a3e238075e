"""The command line, `likely-buyers …`: a command a function in `commands`."""

from likely_buyers.cli.commands import app, main

__all__ = ["app", "main"]
