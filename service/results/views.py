"""The results page: figures of departures and their surveys, churn, and the export."""

from tempfile import TemporaryFile

from flask import Blueprint, Response, abort, render_template, send_file
from flask_babel import gettext as _

from service.clients.actions import samples
from service.clock import now, today
from service.database import reading
from service.departures.queries import returns
from service.departures.queries.filters import DepartureFilters, first_of
from service.departures.views.filters import ALL_TIME, MONTHS, chosen, name_of, periods, rows_of
from service.exports import FORMATS
from service.extensions import db
from service.models import ExportedData, Role
from service.results.queries import churn, export, figures
from service.statistics import NetPromoterScore
from service.team.actions import exports
from service.today.queries.today import tasks
from service.web.access import current_member, requires
from service.web.dates import month_letter, number
from service.web.language import select_language
from service.web.theme import current_company

MOST_MONTHS = 120  # of churn on one page
MOST_COLUMNS = 24  # that fit into the chart of churn
blueprint = Blueprint("results", __name__, url_prefix="/results")


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """Show the figures of a period, each with its n and a link to its departures."""
    form, filters = chosen()
    summary = figures.summary(filters)
    trend = summary.trend if len(summary.trend) > 1 else []  # one month is no trend
    by_reason, by_mail = returns.what_led(filters)
    reasons = figures.reasons(filters)
    mine = [task for task in tasks(now()) if task.is_of(current_member().id)]
    form.service.choices = [("", _("All services")), *((s, s) for s in figures.services(filters))]
    return render_template(
        "provider/results/index.html",
        form=form,
        filters=filters,
        periods=periods(),
        here=rows_of(filters),
        exports={kind: address_query(filters) for kind in FORMATS},
        whole=summary.whole,
        scores=_parts_of(summary.whole.nps),
        trend=trend,
        points=[_point(step) for step in trend],
        highest=max((step.tally.departures for step in trend), default=0),
        reasons=reasons,
        most=max((max(row.said, row.guessed) for row in reasons), default=0),
        valued=figures.latest_valued(filters),
        to_improve=figures.latest_to_improve(filters),
        latest=figures.latest(filters),
        rate=returns.rate(filters, today(current_company().time_zone)),
        by_reason=by_reason,
        by_mail=by_mail,
        name_of=name_of,
        mine=len(mine),
        late=sum(task.is_late(now()) for task in mine),
        waiting=figures.waiting_testimonials(),
        has_samples=samples.are_there(),
    )


def _parts_of(nps: NetPromoterScore) -> list[dict[str, object]]:
    """Return the parts of the bar of scores, in percent; none without scores."""
    counts = {"a": nps.promoters, "b": nps.passives, "c": nps.detractors}
    return [{"share": 100 * count / nps.n, "kind": kind} for kind, count in counts.items() if nps.n]


def _point(step: figures.Month) -> dict[str, object]:
    """Return a month or a year as a column of the chart of the trend."""
    return {
        "value": step.tally.departures,
        "part": step.tally.answered,
        "text": number(step.tally.departures),
        "label": str(step.first.year) if step.is_year else month_letter(step.first),
    }


@blueprint.get("/churn")
@requires(Role.viewer)
def churn_by_month() -> str:
    """Show the churn of each month of the period."""
    form, filters = chosen()
    this_day = today(current_company().time_zone)
    last = filters.until or this_day
    first = filters.since or first_of(this_day, 1 - MONTHS)
    months = churn.churn(max(first, first_of(last, 1 - MOST_MONTHS)), last)
    points = [
        {
            "value": month.rate or 0,
            "part": None,
            "text": "–" if month.rate is None else number(month.rate),
            "label": month_letter(month.first),
        }
        for month in months
    ]
    return render_template(
        "provider/results/churn.html",
        form=form,
        filters=filters,
        periods=[period for period in periods() if period.since],
        months=months,
        points=points if len(points) <= MOST_COLUMNS else [],
        highest=max([churn.HEALTHY * 1.2, *(month.rate or 0 for month in months)]),
        healthy=churn.HEALTHY,
    )


@blueprint.post("/matrix.<kind>", endpoint="export")
@requires(Role.member)
def download(kind: str) -> Response:
    """Send the export of the filtered departures; it is complete before its first byte is sent."""
    if kind not in FORMATS:
        abort(404)
    _form, filters = chosen()
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    db.session.rollback()
    with reading():  # others may write meanwhile
        table = export.matrix(filters, current_company().zone, select_language())
        FORMATS[kind].write(table, file)
        db.session.rollback()
    what, member = ExportedData.departures, current_member()
    exports.record(what, kind, table.count, member, filters=rows_of(filters))
    db.session.commit()
    file.seek(0)
    day = today(current_company().time_zone).isoformat()
    response = send_file(
        file,
        mimetype=FORMATS[kind].media_type,
        as_attachment=True,
        download_name=f"{_('departures')}-{day}.{kind}",
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def address_query(filters: DepartureFilters) -> dict[str, str]:
    """Return the query of the address under which this page shows the same."""
    return rows_of(filters) if filters.since or filters.until else {"period": ALL_TIME}
