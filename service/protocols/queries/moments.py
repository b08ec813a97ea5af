"""Moments inside sentences: the day as everywhere else, and the time by the company's clock."""

from datetime import datetime

from flask_babel import format_date, format_time


def in_words(moment: datetime) -> str:
    """Return such as "24 nov 2026, 9:00"."""
    return f"{format_date(moment, 'medium')}, {format_time(moment, 'short')}"
