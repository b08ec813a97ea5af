"""Read client lists, row by row, and say what is wrong in them. No database here."""

from service.imports.rules.problems import Problem, Problems
from service.imports.rules.reading import MOST_BYTES, Reading, read, too_large
from service.imports.rules.rows import References, Row

__all__ = ["MOST_BYTES", "Problem", "Problems", "Reading", "References", "Row", "read", "too_large"]
