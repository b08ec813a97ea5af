"""Let programs in by a token: which one sent the request, and what it may do."""

import hashlib
import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Blueprint, g, request

from service import database
from service.clock import now
from service.extensions import csrf, db, limiter
from service.models import ApiScope, ApiToken
from service.team.actions import api_tokens
from service.web.language import speak
from service.web.problems import Problem

P = ParamSpec("P")
R = TypeVar("R")

PER_PROGRAM = "600/minute"  # a list of 10,000 addresses takes a quarter of an hour
PER_ADDRESS = "3000/minute"
NOT_SHOWN = (
    "Send a token: Authorization: Bearer hl_… An owner makes one in the settings, under API."
)
NOT_OURS = "This token is not one of ours, or it was revoked. Ask an owner for another one."
BEARER = 'Bearer realm="api"'

log = logging.getLogger(__name__)


def api_blueprint(noun: str, module: str) -> Blueprint:
    """Return the blueprint of one noun: in English, and without CSRF, as no cookie counts."""
    blueprint = Blueprint(f"api_{noun}", module, url_prefix="/api/v1")
    csrf.exempt(blueprint)
    blueprint.before_request(lambda: speak("en"))
    return blueprint


def requires(scope: ApiScope) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Admit requests with a token for `scope`, limited per token and per address."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            g.api_token = _let_in(scope)
            return view(*args, **kwargs)

        guarded.required_scope = scope  # type: ignore[attr-defined]
        per_address = limiter.limit(lambda: PER_ADDRESS)(guarded)
        return limiter.limit(lambda: PER_PROGRAM, key_func=by_token)(per_address)

    return decorate


def current_token() -> ApiToken:
    """Return the token of the request; only inside a view that requires a scope."""
    token: ApiToken = g.api_token
    return token


def by_token() -> str:
    """Return the key that a token's requests are counted under: a hash, as it goes to Redis."""
    return hashlib.sha256(request.headers.get("Authorization", "").encode()).hexdigest()


def _let_in(scope: ApiScope) -> ApiToken:
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise Problem(401, NOT_SHOWN, headers={"WWW-Authenticate": BEARER})
    token = api_tokens.find(given.token)
    if token is None:
        log.warning("api_token_refused")
        no = {"WWW-Authenticate": f'{BEARER}, error="invalid_token"'}
        raise Problem(401, NOT_OURS, headers=no)
    if not token.opens(scope):
        no = {"WWW-Authenticate": f'{BEARER}, error="insufficient_scope", scope="{scope}"'}
        raise Problem(403, f"This token is not good for {scope}.", headers=no)
    _note_use(token)
    return token


def _note_use(token: ApiToken) -> None:
    """Record the first use of a day in a transaction of its own, as the request may only read."""
    day = now().date()
    if token.last_used_on is not None and token.last_used_on >= day:
        return
    token_id = token.id
    db.session.rollback()
    with database.writing():
        api_tokens.note_use(token_id, day)
        db.session.commit()
