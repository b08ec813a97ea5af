"""The period and the service that a page of figures is about: read from its address, and chosen."""

from dataclasses import dataclass
from datetime import date

from flask import request
from flask_babel import gettext as _

from forms.results import ResultsForm
from service.clock import today
from service.departures.queries import returns
from service.departures.queries.filters import DepartureFilters, first_of
from service.labels import label, reason_of_return
from service.web.theme import current_company

MONTHS = 12  # shown when the address asks for no period
ALL_TIME = "all"


@dataclass(frozen=True, slots=True)
class Period:
    """A period to choose with one press."""

    label: str
    since: date | None
    query: dict[str, str | None]

    def is_current(self, filters: DepartureFilters) -> bool:
        """Whether it is the one shown."""
        return filters.until is None and filters.since == self.since


def chosen() -> tuple[ResultsForm, DepartureFilters]:
    """Return the form of the address and its filters; dates that are none count as not given."""
    form = ResultsForm(request.args)
    form.service.choices = []
    is_good = form.validate()
    since, until = form.since.data, form.until.data
    service = request.args.get("service", "").replace("\0", "")[:200] or None
    if not is_good:
        since = until = None
    if since is None and until is None and request.args.get("period") != ALL_TIME:
        return form, DepartureFilters.of_months(MONTHS, today(current_company().time_zone), service)
    return form, DepartureFilters(since, until, service)


def periods() -> list[Period]:
    """Return the periods that one press chooses; the usual one has the plain address."""
    this_day = today(current_company().time_zone)
    quarter, year = first_of(this_day, -2), date(this_day.year, 1, 1)
    return [
        Period(_("3 months"), quarter, _since(quarter)),
        Period(_("12 months"), first_of(this_day, 1 - MONTHS), _since(None)),
        Period(_("This year"), year, _since(year)),
        Period(_("All time"), None, {**_since(None), "period": ALL_TIME}),
    ]


def _since(day: date | None) -> dict[str, str | None]:
    return {"since": day.isoformat() if day else None, "until": None, "period": None}


def name_of(count: returns.Count) -> str:
    """Return what led to returns is called: a reason, or a mail."""
    if count.reason is not None:
        return reason_of_return(count.reason)
    return label(count.kind) if count.kind else str(_("none that we know of"))


def rows_of(filters: DepartureFilters) -> dict[str, str]:
    """Return the query that makes the list of departures show the same."""
    parts = {"since": filters.since, "until": filters.until, "service": filters.service}
    return {name: str(part) for name, part in parts.items() if part}
