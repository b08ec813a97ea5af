"""Read client lists: CSV in the dialects that spreadsheets write, and .xlsx. No database here."""

from service.imports.rules.columns import normalized
from service.imports.rules.reading import MOST_BYTES, Reading, read, read_file, too_large
from service.imports.rules.rows import References, Row
from service.imports.rules.tables import Problem, Problems

__all__ = [
    "MOST_BYTES",
    "Problem",
    "Problems",
    "Reading",
    "References",
    "Row",
    "normalized",
    "read",
    "read_file",
    "too_large",
]
