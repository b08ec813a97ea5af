"""Error pages that say what to do, in the reader's language, and give back what was typed.

Programs get problem details instead (service/web/problems.py).

They ask the database nothing, because its being away is one of the errors.
"""

import logging

from flask import Flask, g, render_template, request
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError, generate_csrf
from sqlalchemy.exc import DataError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from service.errors import Conflict, Gone, Refused
from service.extensions import db
from service.web import problems
from service.web.language import speak_without_database

PAGES = frozenset({400, 403, 404, 405, 409, 410, 413, 429, 500, 503})
RETRY_AFTER = {429: "60", 503: "10"}

log = logging.getLogger(__name__)

Answer = tuple[str, int, dict[str, str]]


def register(app: Flask) -> None:
    """Register the error pages."""
    app.register_error_handler(CSRFError, form_expired)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Refused, refused)
    app.register_error_handler(StaleDataError, somebody_was_first)
    app.register_error_handler(OperationalError, database_away)
    app.register_error_handler(PoolTimeout, database_away)
    app.register_error_handler(DataError, not_storable)
    app.register_error_handler(OverflowError, not_storable)


def page(code: int, message: str | None = None, *, again: bool = False) -> Answer:
    """Return the page of an error; with `again`, a button sends the posted form once more."""
    db.session.rollback()
    if problems.is_api_request():
        return problems.told(code, message, headers=_retry(code))
    speak_without_database()
    template = f"errors/{code}.html"
    return render_template(template, message=message, typed=typed(again)), code, _retry(code)


def _retry(code: int) -> dict[str, str]:
    return {"Retry-After": RETRY_AFTER[code]} if code in RETRY_AFTER else {}


def http_error(error: HTTPException) -> Answer | HTTPException:
    """Answer an HTTP error; a view's description replaces the usual text."""
    code = error.code or 500
    if problems.is_api_request():
        db.session.rollback()
        return problems.of(error, _retry(code))
    if code not in PAGES:
        return error
    own = error.description != type(error).description and "KeyError" not in type(error).__name__
    is_ours = own and not isinstance(error, RateLimitExceeded)
    text, status, headers = page(
        code, error.description if is_ours else None, again=code in {429, 500, 503}
    )
    kept = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
    return text, status, {**headers, **kept}


def form_expired(error: CSRFError) -> Answer:
    """Answer an expired CSRF token; offer what was typed when the form was truly ours.

    A forged form must not get a button that makes it good, so only browsers that vouch for the
    page it came from (Sec-Fetch-Site) are offered one.
    """
    speak_without_database()
    ours = request.headers.get("Sec-Fetch-Site") == "same-origin"
    is_logged_out = g.member is None and request.blueprint != "sessions"
    text = render_template(
        "errors/form_expired.html", typed=typed(ours), is_logged_out=is_logged_out and ours
    )
    return text, 400, {}


def refused(error: Refused) -> Answer:
    """Answer a refusal that no view has caught."""
    code = 410 if isinstance(error, Gone) else 409 if isinstance(error, Conflict) else 400
    return page(code, str(error))


def somebody_was_first(_error: StaleDataError) -> Answer:
    """Answer the second of two people who saved the same thing at once."""
    return page(409, again=True)


def database_away(error: SQLAlchemyError) -> Answer:
    """Answer that the database is away; nothing was stored, and the page has what was typed."""
    said = str(getattr(error, "orig", None) or error).splitlines()
    log.error("database_away error=%s words=%s", type(error).__name__, said[0] if said else "")
    return page(503, again=True)


def not_storable(error: Exception) -> Answer:
    """Refuse what no browser sends by itself: a NUL in an address, a page number of 30 digits."""
    log.warning("not_storable error=%s", type(error).__name__)
    return page(400)


def typed(offered: bool) -> MultiDict[str, str] | None:
    """Return the posted form without secrets and with a fresh CSRF token; None without a form."""
    if not offered or request.method != "POST":
        return None
    try:
        form = request.form
    except RequestEntityTooLarge:
        return None
    kept = MultiDict(
        (name, value)
        for name, value in form.items(multi=True)
        if "password" not in name and name != "csrf_token"
    )
    if kept and "csrf_token" in form:
        kept["csrf_token"] = generate_csrf()
    return kept or None
