"""Log in and out, ask for a new password, choose one by a one-time link."""

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from forms.team import ChoosePasswordForm, FirstOwnerForm, ForgottenForm, LoginForm
from service.errors import Refused
from service.extensions import db, queue
from service.models import PasswordLink, TeamMember
from service.team.actions import attempts, logins, members, passwords
from service.team.actions import sessions as actions
from service.team.views import devices
from service.team.views.logging_in import log_in_as
from service.web import sessions
from service.web.access import way_back
from service.web.language import select_language, speak_as_asked
from service.web.names import LANGUAGE_NAMES

blueprint = Blueprint("sessions", __name__)
blueprint.before_request(speak_as_asked)

Page = str | tuple[str, int] | Response


@blueprint.get("/login")
def login() -> Page:
    """Show the form, or the way on to somebody who is logged in."""
    if g.member is not None:
        return redirect(way_back(request.args.get("next")))
    return render_template(
        "provider/team/sessions/login.html",
        form=LoginForm(request.args),
        is_unowned=not members.has_owner(),
    )


@blueprint.post("/login")
def log_in() -> Page:
    """Compare, in equal time and equal words for every kind of wrong; then begin a session."""
    form = LoginForm()
    if not form.validate():
        return render_template("provider/team/sessions/login.html", form=form), 422
    email, password = form.email.data or "", form.password.data or ""
    attempt = attempts.record(attempts.LOGINS, email, request.remote_addr, devices.known(email))
    db.session.commit()
    if seconds := attempts.seconds_to_wait(attempt):
        attempts.take_back(attempt)
        db.session.commit()
        form.form_errors.append(
            ngettext(
                "There were too many wrong passwords. Wait a second, then try again.",
                "There were too many wrong passwords. Wait %(num)d seconds, then try again.",
                seconds,
            )
        )
        return _too_soon("login.html", form, seconds)
    member = logins.find(email)
    kept = member.password_hash if member else None
    db.session.commit()  # comparing takes a while: nobody waits for the database meanwhile
    is_right = passwords.matches(kept, password)
    if member is None or not is_right:
        form.form_errors.append(_("The address and the password do not belong together."))
        return render_template("provider/team/sessions/login.html", form=form), 422
    attempts.take_back(attempt)
    logins.record_login(member, password)
    log_in_as(member)
    return redirect(way_back(form.next.data), 303)


def _too_soon(template: str, form: LoginForm | ForgottenForm, seconds: int) -> Response:
    page = render_template(f"provider/team/sessions/{template}", form=form)
    return Response(page, 429, {"Retry-After": str(seconds)}, mimetype="text/html")


@blueprint.post("/logout")
def logout() -> Page:
    """End the session of this browser, and so every copy of its cookie."""
    if g.login is not None:
        actions.end(g.member, g.login.public_id)
        db.session.commit()
    sessions.leave()
    return redirect(url_for(".login"), 303)


@blueprint.get("/forgot-password")
def forgotten() -> Page:
    """Ask for the address."""
    return render_template(
        "provider/team/sessions/forgotten.html", form=ForgottenForm(request.args)
    )


@blueprint.post("/forgot-password")
def mail_password_link() -> Page:
    """Have a worker mail a link if the address has a login; if not, all here is the same."""
    form = ForgottenForm()
    if not form.validate():
        return render_template("provider/team/sessions/forgotten.html", form=form), 422
    email = form.email.data or ""
    attempt = attempts.record(attempts.LINKS, email, request.remote_addr, devices.known(email))
    db.session.commit()
    if seconds := attempts.seconds_to_wait(attempt):
        attempts.take_back(attempt)
        db.session.commit()
        form.form_errors.append(
            _(
                "Enough links were asked for in the last 24 hours. Those in the mailbox work for a "
                "day: look among the junk mail too, or ask an owner of your team for a link."
            )
        )
        return _too_soon("forgotten.html", form, seconds)
    members.request_link(email)
    db.session.commit()
    queue.wake("service.tasks.mail_password_links")
    return render_template("provider/team/sessions/mailed.html", email=email)


@blueprint.get("/password/<token>")
def password(token: str) -> Page:
    """Show the form for a password; for the first owner also who they are."""
    link = _link_of(token)
    return _show(link, _form_of(link))


@blueprint.post("/password/<token>")
def choose_password(token: str) -> Page:
    """Keep the password, use the link up, and log in."""
    link = _link_of(token)
    form = _form_of(link)
    if not form.validate():
        return _show(link, form, 422)
    try:
        member = _keep(link, form)
    except Refused as refusal:
        db.session.rollback()
        if isinstance(refusal, passwords.WeakPassword):
            form.password.errors = [str(refusal)]
        else:
            form.form_errors.append(str(refusal))
        return _show(_link_of(token), form, 422)
    logins.record_login(member, form.password.data or "")
    log_in_as(member)
    flash(_("Welcome, %(name)s.", name=member.name), "success")
    first_time = "settings.index" if link.provider_id is None else "today.index"
    return redirect(url_for(first_time), 303)


def _link_of(token: str) -> PasswordLink:
    return members.find_link(token) or abort(404)


def _form_of(link: PasswordLink) -> ChoosePasswordForm | FirstOwnerForm:
    if link.member is not None:
        return ChoosePasswordForm()
    form = FirstOwnerForm(language=select_language())
    form.language.choices = list(LANGUAGE_NAMES.items())
    return form


def _keep(link: PasswordLink, form: ChoosePasswordForm | FirstOwnerForm) -> TeamMember:
    chosen = form.password.data or ""
    if not isinstance(form, FirstOwnerForm):
        return members.choose_password(link, chosen)
    return members.create_first_owner(
        link,
        email=form.email.data or "",
        name=form.name.data or "",
        language=form.language.data or "",
        password=chosen,
    )


def _show(
    link: PasswordLink, form: ChoosePasswordForm | FirstOwnerForm, code: int = 200
) -> tuple[str, int]:
    template = "password.html" if link.member else "first_owner.html"
    page = render_template(f"provider/team/sessions/{template}", form=form, member=link.member)
    return page, code
