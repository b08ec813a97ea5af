"""Whom a newsletter is for: chosen, counted, and listed with those who do not get it and why."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.newsletters import AudienceForm
from service.clients import queries as clients
from service.errors import Conflict
from service.extensions import db
from service.labels import label
from service.models import Audience, Newsletter, Reason, Role, SkipReason
from service.models.audiences import Side, Who
from service.newsletters.actions import newsletters as actions
from service.newsletters.queries import audiences
from service.newsletters.views.newsletters import the_newsletter
from service.web.access import requires
from service.web.lists import searched
from service.web.names import LANGUAGE_NAMES

blueprint = Blueprint(
    "newsletter_audiences", __name__, url_prefix="/newsletters/<newsletter>/audience"
)

Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(Role.viewer)
def show(newsletter: str) -> str:
    """Show the choice, who gets it, and who does not for which reason."""
    row = the_newsletter(newsletter)
    kept = row.readers
    data = {name: getattr(kept, name) for name in Audience.__slots__}
    data |= {"who": kept.who.value, "reasons_of": kept.reasons_of.value, "version": row.version}
    return _page(row, _with_choices(AudienceForm(formdata=None, data=data)), kept)


@blueprint.post("")
@requires(Role.member)
def save(newsletter: str) -> Page:
    """Keep the choice."""
    row, form = the_newsletter(newsletter), _with_choices(AudienceForm())
    if not form.validate():
        return _page(row, form, row.readers), 422
    try:
        actions.save_audience(row, _chosen(form), form.was)
    except Conflict as conflict:
        db.session.rollback()
        flash(str(conflict), "warning")
        row = the_newsletter(newsletter)
        form.version.data = str(row.version)
        return _page(row, form, row.readers), 409
    db.session.commit()
    flash(_("Saved."), "success")
    return redirect(url_for(".show", newsletter=newsletter), 303)


def _with_choices(form: AudienceForm) -> AudienceForm:
    form.languages.choices = list(LANGUAGE_NAMES.items())
    form.services.choices = [(name, name) for name in audiences.services()]
    form.groups.choices = [(name, name) for name in clients.groups()]
    form.reasons.choices = [(reason.value, label(reason)) for reason in Reason]
    return form


def _chosen(form: AudienceForm) -> Audience:
    return Audience(
        who=Who(form.who.data),
        languages=tuple(form.languages.data or ()),
        services=tuple(form.services.data or ()),
        groups=tuple(form.groups.data or ()),
        reasons=tuple(Reason(one) for one in form.reasons.data or ()),
        reasons_of=Side(form.reasons_of.data),
        likelihood_from=form.likelihood_from.data,
        score_from=form.score_from.data,
        score_to=form.score_to.data,
        merits_it=bool(form.merits_it.data),
    )


def _page(row: Newsletter, form: AudienceForm, kept: Audience) -> str:
    reach = audiences.reach(kept)
    why = request.args.get("why", type=SkipReason)
    return render_template(
        "provider/newsletters/audience.html",
        row=row,
        form=form,
        reach=reach,
        why=why,
        q=searched(),
        found=reach.page(why, searched(), request.args.get("page", 1, type=int)),
        languages=LANGUAGE_NAMES,
    )
