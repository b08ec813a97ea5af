"""Import a list of addresses that get no mail: upload it, look at what it changes, confirm."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import ngettext
from werkzeug.wrappers import Response

from forms.suppressions import ConfirmForm, UploadForm
from service.clock import now
from service.current import company
from service.extensions import db
from service.imports.actions import suppressions as lists
from service.imports.actions.uploads import Upload, table_of
from service.imports.rules import suppressions as reading
from service.imports.views import uploads
from service.models import Role
from service.web.access import current_member, requires

blueprint = Blueprint("suppression_lists", __name__, url_prefix="/suppressions/import")

Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(Role.member)
def index() -> str:
    """Ask for the file."""
    return _ask(UploadForm())


@blueprint.post("")
@requires(Role.member)
def upload() -> Page:
    """Read the file, keep its table and redirect to its preview."""
    return uploads.keep(
        UploadForm(), _ask, reading.COLUMN_NAMES, reading.MOST_BYTES, reading.too_large
    )


@blueprint.get("/<key>")
@requires(Role.member)
def show(key: str) -> Page:
    """Show what importing the list changes, and what is wrong in it."""
    kept = uploads.find(key)
    if kept is None:
        return _gone()
    found = lists.plan(_read(kept), file=kept.name)
    page = render_template(
        "provider/imports/suppression_lists/show.html", upload=kept, found=found, again=UploadForm()
    )
    return (page, 422) if found.is_refused else page


@blueprint.post("/<key>")
@requires(Role.member)
def confirm(key: str) -> Page:
    """Import the list, if that still changes what was shown."""
    kept = uploads.find(key)
    form = ConfirmForm()
    if kept is None or not form.validate():
        return _gone()
    staged = uploads.carry_out(
        kept,
        lambda: lists.stage(_read(kept), file=kept.name, by=current_member()),
        lists.publish,
        form.shown.data,
    )
    if staged is None:
        return redirect(url_for(".show", key=key), 303)
    message = ngettext(
        "%(num)d entry is new on the list.", "%(num)d are new on the list.", len(staged.plan.rows)
    )
    flash(message, "success")
    return redirect(url_for("suppressions.index"), 303)


def _read(kept: Upload) -> reading.Reading:
    zone = company().zone
    db.session.rollback()  # others may write while the rows are read
    with table_of(kept) as table:
        return reading.read(table, zone, now())


def _ask(form: UploadForm) -> str:
    return render_template("provider/imports/suppression_lists/index.html", form=form)


def _gone() -> tuple[str, int]:
    return render_template("provider/imports/suppression_lists/gone.html"), 410
