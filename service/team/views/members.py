"""The team and its roles, and everyone's own profile."""

from flask import (
    Blueprint,
    abort,
    flash,
    redirect,
    render_template,
    session,
    url_for,
)
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from forms.team import InviteForm, PasswordChangeForm, ProfileForm, TeamMemberForm
from service.errors import Refused
from service.extensions import db
from service.labels import label
from service.mail import links
from service.models import PasswordLink, Role, TeamMember
from service.team import queries
from service.team.actions import attempts, members, passwords
from service.team.actions import sessions as session_actions
from service.team.views.logging_in import log_in_as
from service.web import sessions
from service.web.access import current_login, current_member, requires
from service.web.names import LANGUAGE_NAMES, device_name, role_choices, role_name

blueprint = Blueprint("members", __name__)

Page = str | tuple[str, int] | Response


@blueprint.get("/providers")
@requires(Role.owner)
def index() -> Page:
    """Show everyone with a login; after an invitation also its link, once."""
    return render_template(
        "provider/team/members/index.html",
        team=members.team(),
        role_name=role_name,
        fresh_link=session.pop("fresh_link", None),
    )


@blueprint.get("/providers/exports")
@requires(Role.owner)
def exports() -> Page:
    """Show who took data of persons out of the service."""
    return render_template(
        "provider/team/members/exports.html", exports=queries.exports(), label=label
    )


@blueprint.get("/providers/new")
@requires(Role.owner)
def invite() -> Page:
    """Ask who joins."""
    form = InviteForm(role=Role.member.value)
    form.role.choices = role_choices()
    return render_template("provider/team/members/new.html", form=form)


@blueprint.post("/providers/new")
@requires(Role.owner)
def send_invitation() -> Page:
    """Add the login, mail its link and show it once."""
    form = InviteForm()
    form.role.choices = role_choices()
    if form.validate():
        try:
            link = members.invite(form.email.data or "", form.name.data or "", Role(form.role.data))
        except Refused as refusal:
            form.email.errors = [str(refusal)]
        else:
            return _mailed(link)
    return render_template("provider/team/members/new.html", form=form), 422


@blueprint.get("/providers/<public_id>")
@requires(Role.owner)
def show(public_id: str) -> Page:
    """Show a login with what an owner may change of it."""
    member = _find(public_id)
    return _show(member, _form_of(member))


@blueprint.post("/providers/<public_id>")
@requires(Role.owner)
def change(public_id: str) -> Page:
    """Rename, or give another role."""
    member = _find(public_id)
    form = _form_of(member)
    if not form.validate():
        return _show(member, form, 422)
    try:
        members.change(member, name=form.name.data or "", role=Role(form.role.data))
    except Refused as refusal:
        form.role.errors = [str(refusal)]
        return _show(member, form, 409)
    return _done(_("Saved."))


@blueprint.post("/providers/<public_id>/link")
@requires(Role.owner)
def send_link(public_id: str) -> Page:
    """Mail a new link for the password; the ones before it still work."""
    member = _find(public_id)
    if not member.is_active:
        abort(409)
    return _mailed(members.new_link(member, members.INVITATION))


@blueprint.post("/providers/<public_id>/deactivate")
@requires(Role.owner)
def deactivate(public_id: str) -> Page:
    """Close a login."""
    member = _find(public_id)
    members.deactivate(member)
    return _done(_("%(name)s can no longer log in.", name=member.name))


@blueprint.post("/providers/<public_id>/reactivate")
@requires(Role.owner)
def reactivate(public_id: str) -> Page:
    """Open a login again."""
    member = _find(public_id)
    members.reactivate(member)
    return _done(_("%(name)s can log in again.", name=member.name))


@blueprint.get("/profile")
@requires(Role.viewer)
def profile() -> Page:
    """Show what everyone may change of themselves."""
    return _profile(_profile_form(), PasswordChangeForm(formdata=None))


@blueprint.post("/profile")
@requires(Role.viewer)
def save_profile() -> Page:
    """Keep one's name and language."""
    form = _profile_form()
    if not form.validate():
        return _profile(form, PasswordChangeForm(formdata=None), 422)
    members.change_profile(
        current_member(), name=form.name.data or "", language=form.language.data or None
    )
    db.session.commit()
    return _to_profile(_("Saved."))


@blueprint.post("/profile/password")
@requires(Role.viewer)
def change_password() -> Page:
    """Set a new password; every other session of this person ends."""
    form, me = PasswordChangeForm(), current_member()
    device = current_login().public_id  # nobody outside of this session uses its attempts up
    attempt = attempts.record(attempts.PASSWORD_CHANGES, me.email, None, device)
    db.session.commit()
    if attempts.seconds_to_wait(attempt):
        abort(429)
    if form.validate() and _is_proved(form, me, attempt):
        try:
            members.change_password(me, form.new_password.data or "")
        except Refused as refusal:
            form.new_password.errors = [str(refusal)]
        else:
            log_in_as(me)
            return _to_profile(_("Your new password holds from now on."))
    db.session.commit()
    return _profile(_profile_form(formdata=False), form, 422)


@blueprint.post("/profile/sessions")
@requires(Role.viewer)
def end_other_sessions() -> Page:
    """Log out everywhere but here."""
    session_actions.end_all(current_member(), but=current_login())
    db.session.commit()
    return _to_profile(_("You are logged out everywhere else."))


@blueprint.post("/profile/sessions/<public_id>/end")
@requires(Role.viewer)
def end_session(public_id: str) -> Page:
    """Log out in one browser; nothing happens when it is logged out already."""
    session_actions.end(current_member(), public_id)
    is_this_one = public_id == current_login().public_id
    db.session.commit()
    if is_this_one:
        sessions.leave()
        return redirect(url_for("sessions.login"), 303)
    return _to_profile(_("That device is logged out."))


def _is_proved(form: PasswordChangeForm, me: TeamMember, attempt: attempts.Attempt) -> bool:
    """Say whether the present password is right; a wrong one counts as a wrong login."""
    if not passwords.matches(me.password_hash, form.old_password.data or ""):
        form.old_password.errors = [_("That is not your present password.")]
        return False
    attempts.take_back(attempt)
    return True


def _to_profile(note: str) -> Response:
    flash(note, "success")
    return redirect(url_for(".profile"), 303)


def _mailed(link: PasswordLink) -> Response:
    """Mail `link`, and keep its address for one look: the mail may never arrive."""
    member: TeamMember = link.member or abort(404)
    members.mail_link(link, member)
    db.session.commit()
    session["fresh_link"] = {"name": member.name, "url": links.password(link)}
    return _to_team()


def _done(said: str) -> Response:
    db.session.commit()
    flash(said, "success")
    return _to_team()


def _to_team() -> Response:
    return redirect(url_for(".index"), 303)


def _find(public_id: str) -> TeamMember:
    found = db.session.scalar(select(TeamMember).where(TeamMember.public_id == public_id))
    return found or abort(404)


def _form_of(member: TeamMember) -> TeamMemberForm:
    form = TeamMemberForm(name=member.name, role=member.role.value)
    form.role.choices = role_choices()
    return form


def _show(member: TeamMember, form: TeamMemberForm, code: int = 200) -> tuple[str, int]:
    return render_template("provider/team/members/show.html", form=form, member=member), code


def _profile_form(formdata: bool = True) -> ProfileForm:
    me = current_member()
    values = {"name": me.name, "language": me.language or ""}
    form = ProfileForm(data=values) if formdata else ProfileForm(formdata=None, data=values)
    form.language.choices = [("", _("The company's")), *LANGUAGE_NAMES.items()]
    return form


def _profile(form: ProfileForm, password_form: PasswordChangeForm, code: int = 200) -> Page:
    page = render_template(
        "provider/team/members/profile.html",
        form=form,
        password_form=password_form,
        logins=queries.sessions(current_member()),
        this_login=current_login(),
        device_name=device_name,
    )
    return page, code
