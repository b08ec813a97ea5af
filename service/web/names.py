"""What languages, roles and reasons are called on pages."""

from flask_babel import gettext as _

from service.labels import label
from service.models import Reason, Role

LANGUAGE_NAMES = {"es": "Español", "en": "English"}  # each in itself, so that anyone finds theirs


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


def reason_choices() -> list[tuple[str, str]]:
    """Return the reasons in the order of the contract."""
    return [(reason.value, label(reason)) for reason in Reason]
