"""Moments as the headers of mails and pages write them (RFC 5322, 3.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def moment_of(text: str) -> datetime | None:
    """Return the moment, aware; None when `text` is none. ``-0000`` is UTC from somewhere."""
    try:
        moment = parsedate_to_datetime(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
