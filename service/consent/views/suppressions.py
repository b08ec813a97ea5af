"""Suppressions: the list, one address with its log; add by hand, lift with a reason, undo."""

from dataclasses import dataclass
from tempfile import TemporaryFile

from flask import (
    Blueprint,
    abort,
    flash,
    redirect,
    render_template,
    request,
    send_file,
    session,
    url_for,
)
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from forms.suppressions import AddForm, LiftForm
from service.clock import today
from service.consent import queries as suppressions
from service.consent.actions import suppressions as actions
from service.database import reading
from service.errors import Refused
from service.exports import FORMATS
from service.extensions import db
from service.labels import (
    reason_of_suppression,
    scope_of_suppression,
    source_of_suppression,
    why_suppressed,
)
from service.models import ExportedData, Role, Suppression, SuppressionReason, SuppressionScope
from service.team.actions import exports
from service.web.access import current_member, requires
from service.web.lists import searched
from service.web.theme import current_company

blueprint = Blueprint("suppressions", __name__, url_prefix="/suppressions")

Page = str | tuple[str, int] | Response
LIFTED = "lifted"  # in the session: the last suppression lifted, so that it can be put back


@dataclass(frozen=True, slots=True)
class Advice:
    """What to consider before a suppression is lifted."""

    text: LazyString
    is_warning: bool = True


_MAILS_CAME_BACK = Advice(
    _l(
        "Mails to this address came back. Every further one that does makes mailbox providers "
        "trust yours less. Lift it only if you know that the address works again."
    )
)
ADVICE = {
    SuppressionReason.hard_bounce: _MAILS_CAME_BACK,
    SuppressionReason.soft_bounces: _MAILS_CAME_BACK,
    SuppressionReason.complaint: Advice(
        _l(
            "This person marked a mail of yours as spam. A second time can get all of your mails "
            "blocked. Lift it only if they asked you to."
        )
    ),
    SuppressionReason.unsubscribed: Advice(
        _l(
            "This is what the person wanted. Lift it only if they asked you to; they can also do "
            "it themselves, with the link in any mail."
        ),
        is_warning=False,
    ),
    SuppressionReason.imported: Advice(
        _l("Lift it only if you know that the person wants to hear from you."), is_warning=False
    ),
}


@blueprint.app_context_processor
def name_suppressions() -> dict[str, object]:
    """Give templates the names of reasons, scopes and sources."""
    return {
        "reason_of_suppression": reason_of_suppression,
        "scope_of_suppression": scope_of_suppression,
        "source_of_suppression": source_of_suppression,
    }


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List suppressions, filtered and sorted as the address says."""
    query = _query()
    found = suppressions.page(query, request.args.get("page", 1, type=int))
    is_gone = not found.lines and not query.reason and not query.scope
    kept = session.get(LIFTED, {})
    is_just_lifted = kept.get("public_id") == request.args.get("lifted", "")
    return render_template(
        "provider/consent/suppressions/index.html",
        query=query,
        found=found,
        reasons=list(SuppressionReason),
        scopes=list(SuppressionScope),
        lifted=kept if is_just_lifted else None,
        is_count_cut=found.count >= suppressions.COUNTED,
        can_export=bool(found.lines) or query.is_narrowed,
        is_sorted=bool(request.args.get("sort")),
        log=suppressions.log_of_address(query.q) if is_gone else [],
    )


@blueprint.post("/export.csv")
@requires(Role.member)
def export() -> Response:
    """Send the whole list as a file, which is complete before its first byte is sent."""
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    db.session.rollback()
    with reading():  # others may write meanwhile
        company = current_company()
        table = suppressions.table(company.zone)
        FORMATS["csv"].write(table, file)
        db.session.rollback()
    exports.record(ExportedData.suppressions, "csv", table.count, current_member())
    db.session.commit()
    file.seek(0)
    name = _("no-mail")
    response = send_file(
        file,
        mimetype=FORMATS["csv"].media_type,
        as_attachment=True,
        download_name=f"{name}-{today(company.time_zone).isoformat()}.csv",
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/new")
@requires(Role.member)
def new() -> str:
    """Ask for an address."""
    form = _add_form()
    form.scope.data = SuppressionScope.unasked.value
    return _new_page(form)


@blueprint.post("/new")
@requires(Role.member)
def add() -> Page:
    """Put the address on the list."""
    form = _add_form()
    if not form.validate():
        return _new_page(form), 422
    scope = SuppressionScope(form.scope.data)
    email, note = form.email.data or "", form.note.data or ""
    row = actions.add_by_hand(email, scope, note, current_member())
    db.session.commit()
    flash(_("%(email)s is on the list.", email=row.address or email), "success")
    return redirect(url_for(".show", public_id=row.public_id), 303)


@blueprint.get("/<public_id>")
@requires(Role.viewer)
def show(public_id: str) -> str:
    """Show one suppression, the log of its address, and advice on lifting it."""
    return _page(_the_suppression(public_id), LiftForm())


@blueprint.post("/<public_id>/lift")
@requires(Role.member)
def lift(public_id: str) -> Page:
    """Lift the suppression; the reason stays in the log."""
    row = _the_suppression(public_id)
    form = LiftForm()
    if not form.validate():
        return _page(row, form), 422
    try:
        kept = actions.lift(row, form.why.data or "", current_member())
    except Refused as refusal:
        db.session.rollback()
        flash(str(refusal), "warning")
        return redirect(url_for(".index"), 303)
    db.session.commit()
    session[LIFTED] = kept
    return redirect(url_for(".index", lifted=public_id), 303)


@blueprint.post("/<public_id>/put-back")
@requires(Role.member)
def put_back(public_id: str) -> Response:
    """Undo the last lifting of this session."""
    kept = session.get(LIFTED, {})
    if kept.get("public_id") != public_id:
        flash(_("That can no longer be undone here. Add the address by hand."), "warning")
        return redirect(url_for(".index"), 303)
    actions.put_back(kept, current_member())
    db.session.commit()
    session.pop(LIFTED)
    flash(_("It is back on the list, as it was."), "success")
    return redirect(url_for(".index"), 303)


def _the_suppression(public_id: str) -> Suppression:
    return suppressions.find(public_id) or abort(404)


def _query() -> suppressions.Query:
    """Return the query in the address; values that cannot be read are ignored."""
    arguments = request.args
    return suppressions.Query(
        q=searched(),
        reason=arguments.get("reason", type=SuppressionReason),
        scope=arguments.get("scope", type=SuppressionScope),
        sort=arguments.get("sort", suppressions.NEWEST),
    )


def _add_form() -> AddForm:
    form = AddForm()
    form.scope.choices = [(scope.value, scope_of_suppression(scope)) for scope in SuppressionScope]
    return form


def _new_page(form: AddForm) -> str:
    return render_template("provider/consent/suppressions/new.html", form=form)


def _page(row: Suppression, form: LiftForm) -> str:
    return render_template(
        "provider/consent/suppressions/show.html",
        row=row,
        form=form,
        why=why_suppressed(row.reason),
        advice=ADVICE.get(row.reason),
        log=suppressions.log_of(row),
        others=suppressions.others_of(row),
    )
