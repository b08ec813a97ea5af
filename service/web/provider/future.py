"""What will go out in the next twelve months: a calendar and a list, month by month."""

from calendar import Calendar
from collections import Counter
from collections.abc import Sequence
from datetime import date

from dateutil.relativedelta import relativedelta
from flask import Blueprint, render_template, request

from service.clock import today
from service.models import MailKind, Role
from service.models.labels import why_not
from service.models.step_names import limits_in_words, step_name, when_in_words
from service.models.steps import NATURES
from service.reports import future
from service.reports.future import Coming
from service.reports.paging import Page, page_within
from service.web.provider.access import current_provider, requires
from service.web.provider.departures import searched
from service.web.theme import current_company

blueprint = Blueprint("future", __name__, url_prefix="/future")

PER_PAGE = 50
MONTHS = 13  # this one and the next twelve


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """Show one month of what will go, and what will not and why."""
    query = _query()
    first = today(current_company().time_zone).replace(day=1)
    months = [first + relativedelta(months=number) for number in range(MONTHS)]
    month = next((one for one in months if f"{one:%Y-%m}" == request.args.get("month")), first)
    found = future.look(query)
    by_month = Counter(_day(coming).replace(day=1) for coming in found.mails)
    chosen = [coming for coming in found.mails if _day(coming).replace(day=1) == month]
    return render_template(
        "provider/future/index.html",
        query=query,
        months=[(one, by_month[one]) for one in months],
        month=month,
        weeks=Calendar().monthdatescalendar(month.year, month.month),
        going=Counter(_day(coming) for coming in chosen if coming.reason is None),
        found=_cut(chosen),
        days_of=_by_day,
        today=today(current_company().time_zone),
        is_cut=found.is_cut,
        most=future.MOST,
        kinds=list(NATURES),
        why_not=why_not,
        step_name=step_name,
        when_in_words=when_in_words,
        limits_in_words=limits_in_words,
    )


def _query() -> future.Query:
    kind = request.args.get("kind", "")
    return future.Query(
        words=searched(),
        kind=MailKind(kind) if kind in list(NATURES) else None,
        responsible=current_provider() if request.args.get("whose") == "mine" else None,
        is_going=request.args.get("show") == "going",
    )


def _day(coming: Coming) -> date:
    """Return the day it comes on for the company."""
    return coming.at.astimezone(current_company().zone).date()


def _cut(chosen: Sequence[Coming]) -> Page[Coming]:
    page = page_within(request.args.get("page", 1, type=int), len(chosen), PER_PAGE)
    return Page(chosen[(page - 1) * PER_PAGE : page * PER_PAGE], len(chosen), page, PER_PAGE)


def _by_day(mails: Sequence[Coming]) -> list[tuple[date, list[Coming]]]:
    """Return the mails of each day together, the days in order."""
    days: dict[date, list[Coming]] = {}
    for coming in mails:
        days.setdefault(_day(coming), []).append(coming)
    return list(days.items())
