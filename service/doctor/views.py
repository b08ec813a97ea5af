"""The page of the mail doctor: its last report, and a button to check again."""

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.doctor import DoctorForm
from service.doctor import examinations
from service.doctor.cases import describe
from service.doctor.examinations import Report
from service.doctor.findings import CHECK_LABELS, STATE_TITLES, Finding, Phrase, State
from service.errors import Refused
from service.extensions import db
from service.models import Role
from service.web.access import requires

blueprint = Blueprint("doctor", __name__, url_prefix="/doctor")

Page = str | tuple[str, int] | Response
TAGS = {
    State.bad: "tag late",
    State.warning: "tag wait",
    State.unknown: "tag",
    State.good: "tag good",
}


@dataclass(frozen=True, slots=True)
class Section:
    """The findings of one state, as the page shows them."""

    id: str
    title: Phrase
    tag: str  # classes of the stylesheet
    is_folded: bool
    findings: list[Finding]


@blueprint.get("")
@requires(Role.owner)
def index() -> Page:
    """Show the last report; asks no server."""
    return _show(DoctorForm(), examinations.last_report())


@blueprint.post("")
@requires(Role.owner)
def check() -> Page:
    """Run all checks, in half a minute at most; only one run at a time."""
    form = DoctorForm()
    if not form.validate():
        return _show(form, examinations.last_report(), 422)
    try:
        case = describe(selector=(form.selector.data or "").strip().lower() or None)
    except Refused as refusal:
        db.session.rollback()
        flash(str(refusal), "warning")
        return redirect(url_for(".index"), 303)
    db.session.rollback()  # others may write while servers are asked
    if not examinations.begin_run():
        flash(_("Somebody is checking already. Load the page again in half a minute."), "warning")
        return redirect(url_for(".index"), 303)
    try:
        report = examinations.examine(case)
    finally:
        examinations.end_run()
    if examinations.keep_report(report):
        return redirect(url_for(".index", _anchor="found"), 303)
    return _show(form, report)  # Redis is away: seen once is better than not at all


def _show(form: DoctorForm, report: Report | None, code: int = 200) -> tuple[str, int]:
    sections = [
        Section(state.value, STATE_TITLES[state], TAGS[state], state is State.good, findings)
        for state in State
        if report and (findings := report.of(state))
    ]
    page = render_template(
        "provider/doctor/index.html",
        form=form,
        report=report,
        sections=sections,
        labels=CHECK_LABELS,
    )
    return page, code
