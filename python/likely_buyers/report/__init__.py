"""The report: one HTML page of what gold says, for people, without a network and without a clock.

`figures` reads the warehouse (the SQL is in `sql/`), `charts` draws, `page` lays it out. The same database gives the
same page, to the bit.
"""

from likely_buyers.report.errors import ReportImpossible
from likely_buyers.report.figures import read_figures
from likely_buyers.report.page import page_of, write_report

__all__ = ["ReportImpossible", "page_of", "read_figures", "write_report"]
