"""The trend in as many steps as can be read: months, or years when there would be too many."""

from datetime import date

from service.results.queries.results import Month, Tally

MOST = 18  # months that fit beside each other


def by_year(months: list[Month]) -> list[Month]:
    """Return `months`, or their years when there are more than can be read."""
    if len(months) <= MOST:
        return months
    years: dict[date, Tally] = {}
    for month in months:
        years.setdefault(date(month.first.year, 1, 1), Tally()).add(month.tally.counts)
    return [Month(first, tally, is_year=True) for first, tally in years.items()]
