"""Languages, roles, reasons and time zones to choose from, with their names on pages."""

from functools import cache
from zoneinfo import available_timezones

from flask_babel import gettext as _

from service.labels import label
from service.models import LoginSession, Reason, Role

LANGUAGE_NAMES = {"es": "Español", "en": "English"}  # each in itself, so that anyone finds theirs
NOT_PLACES = ("Etc/", "SystemV/", "US/", "posix", "right")


def role_name(role: Role) -> str:
    """Return what a role is called."""
    names = {Role.owner: _("Owner"), Role.member: _("Member"), Role.viewer: _("Viewer")}
    return str(names[role])


def role_choices() -> list[tuple[str, str]]:
    """Return the roles to choose from, each with what it may do."""
    may = {
        Role.owner: _("Owner: everything, also settings and the team"),
        Role.member: _("Member: records departures, answers clients, approves testimonials"),
        Role.viewer: _("Viewer: reads"),
    }
    return [(role.value, may[role]) for role in reversed(Role)]


def device_name(login: LoginSession) -> str:
    """Return the browser and system of a session in words, such as "Firefox on Windows"."""
    browser, system = login.browser, login.system
    if browser and system:
        return str(_("%(browser)s on %(system)s", browser=browser, system=system))
    return browser or system or str(_("Unknown browser"))


def reason_choices() -> list[tuple[str, str]]:
    """Return the reasons in the order of the contract."""
    return [(reason.value, label(reason)) for reason in Reason]


@cache
def time_zones() -> frozenset[str]:
    """Return the zones that are named after a place, and UTC."""
    return frozenset(
        zone
        for zone in available_timezones()
        if ("/" in zone and not zone.startswith(NOT_PLACES)) or zone == "UTC"
    )
