"""Who is logged in, and what their role lets them do."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, abort, g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from service.extensions import db
from service.models import Provider, Role

P = ParamSpec("P")
R = TypeVar("R")


def register(app: Flask) -> None:
    """Look up the provider of each request that brings a session."""
    app.before_request(_load_provider)
    app.jinja_env.globals["current_provider"] = lambda: g.get("provider")


def _load_provider() -> None:
    g.provider = None
    provider_id = session.get("provider_id") if request.endpoint != "static" else None
    if provider_id is None:
        return
    provider = db.session.get(Provider, provider_id)
    if (
        provider is not None
        and provider.is_active
        and provider.session_version == session.get("session_version")
    ):
        g.provider = provider


def current_provider() -> Provider:
    """Return who is logged in; only inside a view that requires a role."""
    provider: Provider = g.provider
    return provider


def requires(role: Role) -> Callable[[Callable[P, R]], Callable[P, R | Response]]:
    """Let only providers in whose role covers `role`: others log in, or are told no (403)."""

    def decorate(view: Callable[P, R]) -> Callable[P, R | Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
            provider: Provider | None = g.get("provider")
            if provider is None:
                there = request.full_path.rstrip("?") if request.method == "GET" else None
                return redirect(url_for("sessions.login", next=there))
            if not provider.role.covers(role):
                abort(403)
            return view(*args, **kwargs)

        guarded.required_role = role  # type: ignore[attr-defined]
        return guarded

    return decorate
