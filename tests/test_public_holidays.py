"""Public holidays: those of the region, by names that people there know."""

from datetime import date

import pytest

from service import public_holidays


def test_a_region_has_the_countrys_holidays_and_its_own():
    country = public_holidays.in_year("ES", "", 2026)
    madrid = public_holidays.in_year("ES", "MD", 2026)
    assert country.keys() < madrid.keys()
    assert date(2026, 5, 2) in madrid


@pytest.mark.parametrize(("country", "region"), [("", ""), ("XX", ""), ("XX", "MD")])
def test_an_unknown_country_has_none(country, region):
    assert public_holidays.in_year(country, region, 2026) == {}


def test_an_unknown_region_has_those_of_the_country():
    assert public_holidays.in_year("ES", "XX", 2026) == public_holidays.in_year("ES", "", 2026)


@pytest.mark.parametrize(
    ("language", "name"), [("es", "Natividad del Señor"), ("en", "Christmas Day")]
)
def test_the_next_ones_are_named_in_the_language_of_the_page(language, name):
    coming = public_holidays.coming("ES", "MD", date(2026, 12, 24), language)
    assert coming[0] == (date(2026, 12, 25), name)
    assert [day.year for day, _name in coming] == [2026, 2027, 2027]


def test_regions_and_countries_have_their_names():
    assert ("MD", "Madrid") in public_holidays.region_names("ES")
    assert ("ES", "España") in public_holidays.country_names("es")
    assert ("ES", "Spain") in public_holidays.country_names("en")
    assert public_holidays.region_names("") == []
