"""The time zones to choose from."""

from functools import cache
from zoneinfo import available_timezones

SPARE = ("Etc/", "SystemV/", "US/", "posix", "right")


@cache
def time_zones() -> frozenset[str]:
    """Return the zones that are named after a place, and UTC."""
    return frozenset(
        zone
        for zone in available_timezones()
        if ("/" in zone and not zone.startswith(SPARE)) or zone == "UTC"
    )
