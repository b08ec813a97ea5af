"""The results page: what was learnt from those who left, and its exports."""

from tempfile import TemporaryFile

from flask import Blueprint, Response, abort, render_template, send_file
from flask_babel import gettext as _

from service.clients.actions import samples
from service.clock import now, today
from service.departures.queries import returns
from service.departures.queries.filters import DepartureFilters, first_of
from service.departures.views.filters import ALL_TIME, MONTHS, chosen, name_of, periods, rows_of
from service.exports import FORMATS
from service.models import Role
from service.results.queries import churn, results
from service.results.queries.matrix import matrix
from service.results.queries.trends import by_year
from service.testimonials.queries import quotes
from service.today.queries.today import tasks
from service.web.access import current_member, requires
from service.web.language import select_language
from service.web.theme import current_company

blueprint = Blueprint("results", __name__, url_prefix="/results")


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """Show the figures of a period, each with n and a link to its rows."""
    form, filters = chosen()
    shown = results.summary(filters)
    by_reason, by_mail = returns.what_led(filters)
    reasons = results.reasons(filters)
    mine = [task for task in tasks(now()) if task.is_of(current_member().id)]
    form.service.choices = [("", _("All services")), *((s, s) for s in results.services(filters))]
    return render_template(
        "provider/results/index.html",
        form=form,
        filters=filters,
        periods=periods(),
        whole=shown.whole,
        trend=by_year(shown.months),
        reasons=reasons,
        most=max((max(row.said, row.guessed) for row in reasons), default=0),
        valued=quotes.latest_valued(filters),
        to_improve=quotes.latest_to_improve(filters),
        latest=quotes.latest(filters),
        mine=mine,
        late=sum(task.is_late(now()) for task in mine),
        waiting=quotes.waiting_testimonials(),
        rate=returns.rate(filters, today(current_company().time_zone)),
        by_reason=by_reason,
        by_mail=by_mail,
        name_of=name_of,
        here=rows_of(filters),
        has_samples=samples.are_there(),
        exports={kind: address_query(filters) for kind in FORMATS},
    )


@blueprint.get("/churn")
@requires(Role.viewer)
def churn_by_month() -> str:
    """Show who left of those there, month by month, for the period's months."""
    form, filters = chosen()
    this_day = today(current_company().time_zone)
    last = filters.until or this_day
    first = filters.since or first_of(this_day, 1 - MONTHS)
    months = churn.churn(max(first, first_of(last, -119)), last)
    return render_template(
        "provider/results/churn.html",
        form=form,
        filters=filters,
        periods=[period for period in periods() if period.since],
        months=months,
        highest=max((month.rate or 0 for month in months), default=0),
        healthy=churn.HEALTHY,
    )


@blueprint.get("/matrix.<kind>")
@requires(Role.viewer)
def export(kind: str) -> Response:
    """Send the filtered matrix as a file; it is whole before its first byte leaves."""
    if kind not in FORMATS:
        abort(404)
    _form, filters = chosen()
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    FORMATS[kind].write(matrix(filters, current_company().zone, select_language()), file)
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
    """Return the query that makes this page show the same."""
    return rows_of(filters) if filters.since or filters.until else {"period": ALL_TIME}
