"""Read lists of addresses that get no mail: our own, and what other tools export. No database."""

from service.imports.rules.suppressions.reading import (
    MOST_BYTES,
    Reading,
    read,
    read_file,
    too_large,
)
from service.imports.rules.suppressions.rows import Entry

__all__ = ["MOST_BYTES", "Entry", "Reading", "read", "read_file", "too_large"]
