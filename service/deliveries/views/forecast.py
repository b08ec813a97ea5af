"""What goes out in the next twelve months: a month as a calendar, and the list with the reasons."""

from calendar import Calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import partial
from itertools import groupby

from dateutil.relativedelta import relativedelta
from flask import Blueprint, render_template, request
from sqlalchemy import select

from service.clock import local_moment, now
from service.deliveries.queries import forecast
from service.deliveries.queries.forecast import Query
from service.extensions import db
from service.models import MailKind, Role, TeamMember
from service.models.steps import NATURES
from service.protocols.queries import protocols, reasons
from service.web.access import requires
from service.web.lists import searched
from service.web.theme import current_company

blueprint = Blueprint("forecast", __name__, url_prefix="/future")

MONTHS = 12
KINDS = (*NATURES, MailKind.greeting, MailKind.newsletter)


@dataclass(frozen=True, slots=True)
class Day:
    """One cell of the calendar; `count` is how many mails go on that day of the month shown."""

    date: date
    count: int
    is_in_month: bool
    is_today: bool
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Week:
    """One row of the calendar."""

    days: list[Day]
    is_idle: bool  # no mail goes, whichever month its days are of


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """Show the month that the address asks for, and the list of what it narrows down to."""
    at, zone = now(), current_company().zone
    query = _query()
    last = at.astimezone(zone).date() + relativedelta(months=MONTHS)
    found = forecast.coming_mails(at, local_moment(last, time(23, 59), zone.key), query)
    today, days = at.astimezone(zone).date(), forecast.days_of(found)
    first = today.replace(day=1)
    months = [first + relativedelta(months=count) for count in range(MONTHS + 1)]
    month = _month(months, query.day)
    page = forecast.page(found, query)
    written = [line.mail for line in page.lines if line.mail is not None]
    by_day = groupby(page.lines, lambda coming: coming.at.astimezone(zone).date())
    return render_template(
        "provider/deliveries/forecast/index.html",
        query=query,
        found=page,
        groups=[(day, list(mails)) for day, mails in by_day],
        has_mails=bool(days or page.lines),
        months=[(each, sum(n for day, n in days.items() if _is_in(day, each))) for each in months],
        month=month,
        weeks=_weeks(month, days, today, query.day),
        kinds=KINDS,
        protocols=protocols.choices(),
        team=_team(),
        why=partial(forecast.why, known=reasons.known_of(written)),
    )


def _weeks(month: date, days: Mapping[date, int], today: date, chosen: date | None) -> list[Week]:
    weeks = Calendar().monthdatescalendar(month.year, month.month)
    return [
        Week(
            [
                Day(
                    day,
                    days.get(day, 0) if _is_in(day, month) else 0,
                    _is_in(day, month),
                    day == today,
                    day == chosen,
                )
                for day in week
            ],
            not any(day in days for day in week),
        )
        for week in weeks
    ]


def _query() -> Query:
    """Return what the address asks for; parameters that cannot be read are ignored."""
    asked = request.args
    kind, going = asked.get("kind", ""), asked.get("going", "")
    mine = asked.get("responsible", "")
    return Query(
        q=searched(),
        kind=MailKind(kind) if kind in list(MailKind) else None,
        protocol=asked.get("protocol", "")[:40],
        responsible=mine[:40],
        client=asked.get("client", "")[:40],
        going=going if going in ("yes", "no") else "",
        day=asked.get("day", type=date.fromisoformat),
        page=asked.get("page", 1, type=int),
    )


def _month(months: list[date], day: date | None) -> date:
    """Return the month to show: the one asked for, else that of the day, else this one."""
    asked = request.args.get("month", "")
    wanted = day.replace(day=1) if day and not asked else None
    found = [month for month in months if f"{month:%Y-%m}" == asked or month == wanted]
    return found[0] if found else months[0]


def _is_in(day: date, month: date) -> bool:
    return (day.year, day.month) == (month.year, month.month)


def _team() -> list[TeamMember]:
    query = select(TeamMember).where(TeamMember.is_active).order_by(TeamMember.name, TeamMember.id)
    return list(db.session.scalars(query))
