"""Public holidays by country and region, from the tables of the holidays library. Pure.

A country is a code of ISO 3166-1 (ES), a region the second part of one of ISO 3166-2 (MD), as the
library has them. What the library does not know has no holidays: a release may drop a region, and
mails go all the same.
"""

from datetime import date
from functools import cache
from unicodedata import normalize

import holidays
from babel import Locale
from babel.core import get_global

SHOWN = 3

_LANGUAGES = {"en": "en_US"}  # as the library calls them, where it is not as we do


@cache
def in_year(country: str, region: str, year: int, language: str = "") -> dict[date, str]:
    """Return the names of the public holidays of a year by their days; none of an unknown country.

    They are in `language` where the library has it, or else in one of the country's.
    """
    if country not in countries():
        return {}
    known = region if region in countries()[country] else None
    called = _LANGUAGES.get(language, language)
    return dict(
        holidays.country_holidays(country, subdiv=known, years=year, language=called or None)
    )


def coming(country: str, region: str, after: date, language: str) -> list[tuple[date, str]]:
    """Return the next public holidays from the day `after` on, SHOWN at most, with their names."""
    years = (after.year, after.year + 1)
    named = [pair for year in years for pair in in_year(country, region, year, language).items()]
    return sorted(pair for pair in named if pair[0] >= after)[:SHOWN]


@cache
def countries() -> dict[str, tuple[str, ...]]:
    """Return the regions of each country that is known."""
    listed = holidays.list_supported_countries(include_aliases=False)
    return {country: tuple(regions) for country, regions in listed.items()}


def country_of(time_zone: str) -> str:
    """Return the country whose clocks show that zone; empty for a zone of none, such as UTC."""
    country = str(get_global("zone_territories").get(time_zone, ""))
    return country if country in countries() else ""


@cache
def country_names(language: str) -> list[tuple[str, str]]:
    """Return each known country with its name in `language`, in the order of the names."""
    territories = Locale.parse(language).territories
    return sorted(((code, territories.get(code, code)) for code in countries()), key=_by_name)


@cache
def region_names(country: str) -> list[tuple[str, str]]:
    """Return the regions of a country with the names that they have there, in their order."""
    regions = countries().get(country, ())
    if not regions:
        return []
    aliases = holidays.country_holidays(country).get_subdivision_aliases()
    return sorted(((code, (aliases.get(code) or [code])[0]) for code in regions), key=_by_name)


def _by_name(pair: tuple[str, str]) -> str:
    return normalize("NFKD", pair[1]).casefold()  # É beside E
