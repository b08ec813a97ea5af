"""What goes out in the next twelve months: a month as a calendar, and the list with the reasons."""

from calendar import Calendar
from datetime import date, time
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from flask import Blueprint, render_template, request
from sqlalchemy import select

from service.clock import local_moment, now
from service.deliveries.queries import explanations, forecast
from service.deliveries.queries.forecast import Line, Query
from service.extensions import db
from service.labels import why_not
from service.models import MailKind, Role, TeamMember
from service.models.greetings import greeting_label
from service.models.steps import NATURES
from service.protocols.queries import protocols
from service.web.access import requires
from service.web.lists import searched
from service.web.theme import current_company

blueprint = Blueprint("forecast", __name__, url_prefix="/future")

MONTHS = 12
KINDS = (*NATURES, MailKind.greeting, MailKind.newsletter)


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """Show the month that the address asks for, and the list of what it narrows down to."""
    at, zone = now(), current_company().zone
    query = _query()
    last = at.astimezone(zone).date() + relativedelta(months=MONTHS)
    found = forecast.lines(at, local_moment(last, time(23, 59), zone.key), query)
    months = _months(at.astimezone(zone).date())
    month = _month(months, query.day)
    return render_template(
        "provider/deliveries/forecast/index.html",
        query=query,
        found=forecast.page(found, query),
        days=(days := forecast.days_of(found)),
        months=[(each, sum(n for day, n in days.items() if _is_in(day, each))) for each in months],
        month=month,
        weeks=Calendar().monthdatescalendar(month.year, month.month),
        today=at.astimezone(zone).date(),
        day_of=lambda line: _day_of(line, zone),
        kinds=KINDS,
        protocols=protocols.choices(),
        team=_team(),
        why=explanations.why,
        why_not=why_not,
        greeting_label=greeting_label,
    )


def _query() -> Query:
    """Read the address; what cannot be read is as if it were not there."""
    words = request.args
    kind, going = words.get("kind", ""), words.get("going", "")
    mine = words.get("responsible", "")
    return Query(
        q=searched(),
        kind=MailKind(kind) if kind in list(MailKind) else None,
        protocol=words.get("protocol", "")[:40],
        responsible=mine[:40],
        client=words.get("client", "")[:40],
        going=going if going in ("yes", "no") else "",
        day=words.get("day", type=date.fromisoformat),
        page=words.get("page", 1, type=int),
    )


def _months(today: date) -> list[date]:
    first = today.replace(day=1)
    return [first + relativedelta(months=count) for count in range(MONTHS + 1)]


def _month(months: list[date], day: date | None) -> date:
    """Return the month to show: the one asked for, else that of the day, else this one."""
    asked = request.args.get("month", "")
    wanted = day.replace(day=1) if day and not asked else None
    found = [month for month in months if f"{month:%Y-%m}" == asked or month == wanted]
    return found[0] if found else months[0]


def _is_in(day: date, month: date) -> bool:
    return (day.year, day.month) == (month.year, month.month)


def _day_of(line: Line, zone: ZoneInfo) -> date:
    return line.at.astimezone(zone).date()


def _team() -> list[TeamMember]:
    query = select(TeamMember).where(TeamMember.is_active).order_by(TeamMember.name, TeamMember.id)
    return list(db.session.scalars(query))
