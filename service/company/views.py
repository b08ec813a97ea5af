"""The company's settings."""

from dataclasses import dataclass, replace
from email.utils import parseaddr

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import format_date, get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.settings import SettingsForm
from service import public_holidays, responsibles
from service.clock import today
from service.colours import DARK, INK, LIGHT, PAPER, Palette, contrast, palette
from service.company import actions, rules
from service.current import company, settings
from service.errors import Refused
from service.extensions import db
from service.labels import WEEKDAYS
from service.models import Company, Role, TeamMember
from service.web.access import current_member, requires
from service.web.names import LANGUAGE_NAMES, time_zones

blueprint = Blueprint("settings", __name__)

Page = str | tuple[str, int] | Response


@blueprint.get("/settings")
@requires(Role.viewer)
def index() -> Page:
    """Show the settings to owners, and lead the others to their own profile."""
    if not current_member().role.covers(Role.owner):
        return redirect(url_for("members.profile"))
    found = company()
    return _show(_form_of(found), found)


@blueprint.post("/settings")
@requires(Role.owner)
def save() -> Page:
    """Save the settings, or only preview a colour."""
    found = company()
    form = _form_of(found)
    if request.form.get("action") == "preview":
        return _show(form, found)
    if not form.validate():
        return _show(form, found, 422)
    try:
        _save_logo(actions.save(form.company_values()), form)
    except Refused as refusal:
        db.session.rollback()
        form.logo.errors = [str(refusal)]
        return _show(form, company(), 422)
    db.session.commit()
    flash(_("Saved. Have a look at your mails: they changed with it."), "success")
    return redirect(url_for(".index", saved="yes"), 303)


@dataclass(frozen=True, slots=True)
class Sample:
    """How an accent looks on one ground, with the contrasts that it reaches."""

    name: str
    ground: str
    ink: str
    colours: Palette

    @property
    def button_contrast(self) -> float:
        """The text of a button on its ground, 1 to 21."""
        return contrast(self.colours.on_accent, self.colours.accent)

    @property
    def link_contrast(self) -> float:
        """A link on the page, 1 to 21."""
        return contrast(self.colours.link, self.ground)

    @property
    def is_shifted(self) -> bool:
        """Whether links take another shade, because the accent itself could not be read."""
        return self.colours.link != self.colours.accent


def _samples(accent: str) -> list[Sample]:
    return [
        Sample("light", LIGHT[0], INK, palette(accent)),
        Sample("dark", DARK[0], PAPER, palette(accent, dark=True)),
    ]


def _form_of(found: Company) -> SettingsForm:
    """Return the form, filled with the saved settings."""
    form = SettingsForm(obj=found)
    form.time_zone.zones = time_zones() | {found.time_zone}
    form.language.choices = list(LANGUAGE_NAMES.items())
    form.business_days.choices = [(str(day), str(words)) for day, words in enumerate(WEEKDAYS)]
    none = ("", _("None: only the days above count"))
    form.holiday_country.choices = [none, *public_holidays.country_names(get_locale().language)]
    regions = public_holidays.region_names(form.holiday_country.data or "")
    form.holiday_region.choices = [("", _("The whole country")), *regions]
    form.default_responsible_id.choices = _who_may_answer(found)
    return form


def _who_may_answer(found: Company) -> list[tuple[int | str, str]]:
    """Return the members to choose from, and the one who is chosen even when they left."""
    people = responsibles.load(found)
    owner = replace(people, chosen=None).default
    nobody = _("The first owner: %(name)s", name=owner.name) if owner else _("The first owner")
    choices: list[tuple[int | str, str]] = [("", nobody)]
    choices += [(one.id, one.name) for one in people.active.values()]
    if left := _who_left(found):
        choices.append((left.id, left.name))
    return choices


def _who_left(found: Company) -> TeamMember | None:
    """Return the member who was chosen to answer and has no login any more."""
    chosen = db.session.get(TeamMember, found.default_responsible_id or 0)
    return chosen if chosen and not chosen.is_active else None


def _save_logo(saved: Company, form: SettingsForm) -> None:
    """Save an uploaded logo; one byte more than allowed is read, to see that it is too large."""
    file = request.files.get("logo")
    if file and file.filename:
        actions.set_logo(saved, file.stream.read(rules.MOST_BYTES + 1))
    elif form.remove_logo.data:
        actions.remove_logo(saved)


def _show(form: SettingsForm, found: Company, code: int = 200) -> tuple[str, int]:
    """Render the page, with a note when a chosen file has to be chosen again."""
    file = request.files.get("logo")
    page = render_template(
        "provider/company/index.html",
        form=form,
        found=found,
        samples=_samples(form.accent.data or ""),
        zones=sorted(time_zones()),
        foreign_domain=_foreign_domain(form.sender_email.data or ""),
        default_sender=parseaddr(settings().mail_default_sender)[1],
        who_left=_who_left(found),
        who_answers=responsibles.load(found).default,
        lost_file=file.filename if file else None,
        is_first_time=not found.is_set_up,
        next_holidays=_next_holidays(found),
    )
    return page, code


def _next_holidays(found: Company) -> str:
    """Return the next three public holidays with their days, as a list in words."""
    named = public_holidays.coming(
        found.holiday_country,
        found.holiday_region,
        today(found.time_zone),
        get_locale().language,
    )
    return "; ".join(f"{format_date(day, 'full')}: {name}" for day, name in named)


def _foreign_domain(sender: str) -> str | None:
    """Return the sender's domain when MAIL_DEFAULT_SENDER has another: servers may distrust it."""
    default = parseaddr(settings().mail_default_sender)[1]
    domain = sender.rpartition("@")[2].lower()
    return domain if domain and domain != default.rpartition("@")[2].lower() else None
