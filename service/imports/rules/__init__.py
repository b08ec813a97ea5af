"""Read client lists: CSV in the dialects that spreadsheets write, and .xlsx. No database here."""

from service.imports.rules.columns import plain
from service.imports.rules.problems import Problem, Problems
from service.imports.rules.reading import MOST_BYTES, Reading, read, read_file, too_large
from service.imports.rules.rows import Known, Row

__all__ = [
    "MOST_BYTES",
    "Known",
    "Problem",
    "Problems",
    "Reading",
    "Row",
    "plain",
    "read",
    "read_file",
    "too_large",
]
