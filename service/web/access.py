"""Who is logged in, and what their role lets them do."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import Blueprint, Flask, abort, current_app, g, redirect, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response

from service.models import LoginSession, Role, TeamMember
from service.web import problems, sessions

P = ParamSpec("P")
R = TypeVar("R")

MOST_TYPED = 64 * 1024  # bytes of a form that somebody gets back who is no longer logged in


def register(app: Flask) -> None:
    """Look up the team member of each request that brings a session, and ask who may send a body.

    Templates read ``me`` (the member, or None), ``may_act`` and ``may_own`` (may the member do
    what a member or an owner does) as plain values. They are proxies among Jinja's globals, like
    Flask's ``request``: a context processor would not reach a macro imported without context.
    """
    app.session_interface = sessions.Cookies()
    app.before_request(load_member)
    app.before_request(refuse_unread)
    app.jinja_env.globals.update(
        me=LocalProxy(lambda: g.get("member")),
        may_act=LocalProxy(lambda: _may(Role.member)),
        may_own=LocalProxy(lambda: _may(Role.owner)),
    )


def _may(role: Role) -> bool:
    """Return whether a member is logged in whose role covers `role`."""
    member: TeamMember | None = g.get("member")
    return member is not None and member.role.covers(role)


def load_member() -> None:
    """Load the team member whose session the request has; runs before each view."""
    g.login = None  # of a public page not even the cookie is looked at: all get the same
    if not _needs_no_session():
        g.login = sessions.find()
    g.member = g.login.member if g.login else None


def refuse_unread() -> Response | None:
    """Answer what needs no body before anything reads it: too large, not logged in, not allowed.

    Runs before the check of the form's proof, which reads the form. A stranger's form is read all
    the same when a browser says that it is one of ours, and small: whoever was logged out while
    they wrote gets back what they typed.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    role: Role | None = getattr(view, "required_role", None)
    if role is not None and request.method == "POST":
        if g.member is None and _is_typed_on_our_page():
            raise CSRFError
        if refusal := _refusal(role):
            return refusal
    if (request.content_length or 0) > (request.max_content_length or 0):
        abort(413)
    return None


def _is_typed_on_our_page() -> bool:
    is_ours = request.headers.get("Sec-Fetch-Site") == "same-origin"
    is_typed = request.mimetype == "application/x-www-form-urlencoded"
    return is_ours and is_typed and 0 < (request.content_length or 0) <= MOST_TYPED


def serve_without_session(app: Flask, blueprints: Iterable[Blueprint]) -> None:
    """Serve the pages of `blueprints` without reading the session of a request."""
    app.extensions["public_blueprints"] = frozenset(blueprint.name for blueprint in blueprints)


def _needs_no_session() -> bool:
    """Return whether the request is for a public page, a static file or the API."""
    is_public = request.blueprint in current_app.extensions["public_blueprints"]
    return request.endpoint == "static" or is_public or problems.is_api_request()


def current_member() -> TeamMember:
    """Return the member who is logged in; call it only in a view that requires a role."""
    member: TeamMember = g.member
    return member


def current_login() -> LoginSession:
    """Return the session of this browser; call it only in a view that requires a role."""
    login: LoginSession = g.login
    return login


def requires(role: Role) -> Callable[[Callable[P, R]], Callable[P, R | Response]]:
    """Admit members whose role covers `role`; others get the login page, or 403."""

    def decorate(view: Callable[P, R]) -> Callable[P, R | Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
            return _refusal(role) or view(*args, **kwargs)

        guarded.required_role = role  # type: ignore[attr-defined]
        return guarded

    return decorate


def _refusal(role: Role) -> Response | None:
    """Return the way to the login page for strangers; raises 403 for members of a lesser role."""
    if g.get("member") is None:
        there = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("sessions.login", next=there))
    if not _may(role):
        abort(403)
    return None


def way_back(target: str | None) -> str:
    """Return `target` when it is a path of this service, else the first page.

    Browsers read ``//host``, ``/\\host`` and ``/<tab>/host`` as other hosts: none is let through.
    """
    home = url_for("today.index")
    if not target or not target.startswith("/") or target.startswith("//"):
        return home
    if "\\" in target or any(ord(sign) <= 32 or ord(sign) == 127 for sign in target):
        return home
    try:
        parts = urlsplit(target)
    except ValueError:
        return home
    return home if parts.scheme or parts.netloc else target
