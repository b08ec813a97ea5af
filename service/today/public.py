"""The calendar of a team member as a feed for calendar programs, read by its address alone."""

from flask import Blueprint, Response, abort, make_response, request
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select

from service import current
from service.current import read_token
from service.extensions import db
from service.models import TeamMember
from service.today.queries import calendars
from service.today.queries.calendars import MEDIA_TYPE, octets
from service.tokens import Purpose

blueprint = Blueprint("calendar", __name__)


@blueprint.get("/calendar/<token>.ics")
def show(token: str) -> Response:
    """Return the calendar; 404 when its address was replaced or closed, or the login is closed."""
    member = _member_of(token)
    company = current.company()
    with force_locale(member.language or company.language):
        name = _("Farewells: %(company)s", company=company.name) if company.name else "Hasta Luego"
        body = octets(calendars.entries(member), str(name), company.zone)
    response = make_response(body)
    response.headers["Content-Type"] = MEDIA_TYPE
    response.headers["Content-Disposition"] = "inline; filename=hasta-luego.ics"
    response.headers["Cache-Control"] = "private, no-cache"  # kept, and asked about each time
    response.add_etag()
    response.make_conditional(request)
    return response


def _member_of(token: str) -> TeamMember:
    key = read_token(Purpose.calendar, token)
    query = select(TeamMember).where(TeamMember.calendar_key == key, TeamMember.is_active)
    member = db.session.scalar(query) if key else None
    return member or abort(404)
