"""How a shop's files are read: what lies there, how each is written, and a count of lines apart from any parser.

The engine reads; this room looks at bytes. It lists and surveys new files before a line of them is loaded, hands the
engine a plain UTF-8 copy of what it cannot read as delivered, and finds the bad lines of a file in which the engine's
count and ours differ. What the lines mean is said by an event mapping, which `mapping` compiles.
"""

from likely_buyers.sources.errors import SourceProblem
from likely_buyers.sources.rejects import line_at
from likely_buyers.sources.words import left_over_in_words, load_in_words

__all__ = [
    "SourceProblem",
    "left_over_in_words",
    "line_at",
    "load_in_words",
]
