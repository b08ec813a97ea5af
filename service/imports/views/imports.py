"""Import a client list: upload it, look at what it changes, confirm."""

import csv
import io
from datetime import date

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response

from forms.imports import ConfirmForm, SinceForm, UploadForm
from service.departures.queries import acts
from service.extensions import db
from service.imports import actions as imports
from service.imports import queries
from service.imports.actions import NOTHING, Choice, Plan, previews, undoing
from service.imports.actions.uploads import Upload, table_of
from service.imports.actions.writing import AT_ONCE
from service.imports.rules import MOST_BYTES, Reading, read, too_large
from service.imports.rules.columns import NAMES, SPANISH, Column
from service.imports.views import uploads
from service.models import ActKind, Role
from service.paging import page_within
from service.web.access import current_member, requires
from service.web.acts import do
from service.web.language import select_language

blueprint = Blueprint("imports", __name__, url_prefix="/imports")

Page = str | tuple[str, int] | Response
MEANINGS = {
    Column.client: _l("the company; needed"),
    Column.contact: _l("the person there who gets the mails; needed"),
    Column.email: _l("one address; needed"),
    Column.language: _l("of the mails: es or en"),
    Column.group: _l("what it shares with other clients"),
    Column.started_on: _l("client since: 22/11/2026 or 2026-11-22"),
    Column.notice_on: _l("the day they told you"),
    Column.end_on: _l("the last day"),
    Column.reasons: _l("of leaving, with | between them"),
    Column.responsible: _l("the address of somebody of your team"),
    Column.monthly_value: _l("in euros"),
    Column.acquisition_cost: _l("in euros"),
    Column.margin: _l("a percentage, from 0 to 100"),
    Column.keep_in_touch: _l("yes or no"),
}
LISTED = 20  # departures of a page whose mails are shown; each of them asks the protocol


@blueprint.get("")
@requires(Role.member)
def index() -> str:
    """Ask for the file."""
    return _ask(UploadForm())


@blueprint.post("")
@requires(Role.member)
def upload() -> Page:
    """Read the file, keep its table and redirect to its preview."""
    return uploads.keep(UploadForm(), _ask, NAMES, MOST_BYTES, too_large)


@blueprint.get("/example.csv")
@requires(Role.viewer)
def example() -> Response:
    """Send an empty list with the columns in the reader's language."""
    made = io.StringIO()
    delimiter = ";" if select_language() == "es" else ","
    csv.writer(made, delimiter=delimiter, lineterminator="\r\n").writerow(_column_names().values())
    name = _("client-list.csv")
    return Response(
        b"\xef\xbb\xbf" + made.getvalue().encode(),
        mimetype="text/csv",
        headers={"Content-Disposition": f"attachment; filename={secure_filename(name)}"},
    )


@blueprint.get("/<key>")
@requires(Role.member)
def show(key: str) -> Page:
    """Show what importing the list changes, what is wrong in it, and who would get mail."""
    kept = uploads.find(key)
    if kept is None:
        return _gone()
    form = SinceForm(request.args)
    since = form.since.data if form.validate() else None
    found = imports.plan(_read(kept), protocol_since=since)
    return _preview(kept, found, form, since, request.args.get("page", 1, type=int))


@blueprint.post("/<key>")
@requires(Role.member)
def confirm(key: str) -> Page:
    """Import the list, if that still changes what was shown; or turn a page of its mails."""
    kept = uploads.find(key)
    form = ConfirmForm()
    if kept is None or not form.validate():
        return _gone()
    since, me, choice = form.since.data, current_member(), _chosen()
    if "page" in request.form:
        found = imports.plan(_read(kept), protocol_since=since)
        filled = SinceForm(MultiDict({"since": since.isoformat()} if since else {}))
        page = request.form.get("page", 1, type=int)
        return _preview(kept, found, filled, since, page, choice)
    source = _("import: %(file)s", file=kept.name)
    staged = uploads.carry_out(
        kept,
        lambda: imports.stage(
            _read(kept), protocol_since=since, by=me, source=source, choice=choice
        ),
        imports.publish,
        form.shown.data,
    )
    if staged is None:
        return redirect(url_for(".show", key=key, since=since), 303)
    done = staged.plan
    flash(_done_message(done), "success")
    where = "departures.index" if done.departures.created else "clients.index"
    return redirect(url_for(where), 303)


@blueprint.post("/<public_id>/undo")
@requires(Role.member)
def undo(public_id: str) -> Response:
    """Undo an import as a whole, within its hour."""
    act = acts.find(public_id)
    if act is None or act.kind is not ActKind.imported:
        abort(404)
    said = _("Undone: all that the import brought is gone, and what it changed is as it was.")
    do(lambda: undoing.undo(act, current_member()), said)
    return redirect(url_for("departures.index"), 303)


def _chosen() -> Choice:
    """Return what was chosen about the mails."""
    found = [value.partition(":") for value in request.form.getlist("hold")]
    hold = frozenset((int(line), step) for line, _colon, step in found if line.isdecimal())
    return Choice(hold, "hold_all" in request.form, request.form.get("panel") == "now")


def _read(kept: Upload) -> Reading:
    references = queries.references()
    db.session.rollback()  # others may write while the rows are read
    with table_of(kept) as table:
        return read(table, references)


def _column_names() -> dict[Column, str]:
    """Return the columns with their names in the reader's language."""
    spanish = select_language() == "es"
    return {column: SPANISH[column] if spanish else column.value for column in Column}


def _ask(form: UploadForm) -> str:
    return render_template(
        "provider/imports/index.html",
        form=form,
        columns=[(name, MEANINGS.get(column)) for column, name in _column_names().items()],
    )


def _preview(
    kept: Upload,
    found: Plan,
    form: SinceForm,
    since: date | None,
    number: int = 1,
    choice: Choice = NOTHING,
) -> Page:
    number = page_within(number, len(found.starts), LISTED)
    starts = found.starts[(number - 1) * LISTED : number * LISTED]
    panels = previews.of([start.draft for start in starts])
    lines = {start.line for start in starts}
    page = render_template(
        "provider/imports/show.html",
        upload=kept,
        found=found,
        reading=found.reading,
        starts=list(zip(starts, panels, strict=True)),
        history=_history(found),
        page=number,
        pages=-(-len(found.starts) // LISTED),
        choice=choice,
        held_elsewhere=sorted(f"{line}:{step}" for line, step in choice.hold if line not in lines),
        held_here={f"{line}:{step}" for line, step in choice.hold},
        can_send_now=0 < len(found.starts) <= AT_ONCE,
        form=form,
        since=since,
        again=UploadForm(),
        counts=(
            (_("Clients"), found.clients),
            (_("Contacts"), found.contacts),
            (_("Departures"), found.departures),
        ),
    )
    return (page, 422) if found.is_refused else page


def _history(found: Plan) -> str:
    """Return how many of the new departures get no mail, or ""."""
    if not found.history:
        return ""
    return str(
        ngettext(
            "%(num)d departure is history and gets none",
            "%(num)d departures are history and get none",
            found.history,
        )
    )


def _gone() -> tuple[str, int]:
    return render_template("provider/imports/gone.html"), 410


def _done_message(done: Plan) -> str:
    clients = ngettext("%(num)d new client", "%(num)d new clients", done.clients.created)
    departures = ngettext(
        "%(num)d new departure", "%(num)d new departures", done.departures.created
    )
    return str(
        _(
            "Imported: %(clients)s, %(departures)s. %(starts)s",
            clients=clients,
            departures=departures,
            starts=done.who_gets_mail,
        )
    )
