"""The places of the team's pages, as data for the side navigation and the bar on phones."""

from dataclasses import dataclass

from flask import Flask, current_app, g, request
from flask_babel import lazy_gettext as _l

from service.models import Role, TeamMember


@dataclass(frozen=True, slots=True)
class Place:
    """One entry. `also` are the blueprints whose pages belong under it."""

    endpoint: str
    label: str
    icon: str  # an id in templates/macros/icons.html
    also: tuple[str, ...] = ()
    in_bar: bool = True  # on phones: in the bar at the bottom, or else at the top
    needs: Role = Role.viewer

    @property
    def is_current(self) -> bool:
        """Whether the page shown belongs here."""
        return request.blueprint in (self.endpoint.split(".")[0], *self.also)


PLACES = (
    Place(
        "today.index",
        _l("Today"),
        "today",
        ("recoveries", "talk_requests", "deliveries", "inbound_mails", "forecast"),
    ),
    Place("results.index", _l("Results"), "results", ("returns",)),
    Place("departures.index", _l("Departures"), "departures", ("imports",)),
    Place("testimonials.index", _l("Testimonials"), "testimonials"),
    Place("clients.index", _l("Clients"), "clients", ("consents",), in_bar=False),
    Place(
        "newsletters.index",
        _l("Keep in touch"),
        "heart",
        (
            "newsletter_texts",
            "newsletter_images",
            "newsletter_audiences",
            "newsletter_issues",
            "greetings",
            "greeting_texts",
        ),
        in_bar=False,
    ),
    Place(
        "settings.index",
        _l("Settings"),
        "settings",
        (
            "questions",
            "mails",
            "texts",
            "protocols",
            "protocol_steps",
            "protocol_texts",
            "members",
            "suppressions",
            "suppression_lists",
            "doctor",
            "calendars",
            "api_tokens",
        ),
        in_bar=False,
    ),
)


def places() -> list[Place]:
    """Return the places that the member logged in may open."""
    member: TeamMember | None = g.get("member")
    if member is None:
        return []
    return [
        place
        for place in PLACES
        if place.endpoint in current_app.view_functions and member.role.covers(place.needs)
    ]


def register(app: Flask) -> None:
    """Add `places` to the templates."""
    app.jinja_env.globals["places"] = places
