"""Which language and time zone a page speaks: the contact's, the provider's, or the company's."""

from babel import negotiate_locale
from flask import Flask, g, has_request_context, request
from sqlalchemy.exc import SQLAlchemyError

from service.config import LANGUAGES
from service.current import company, settings
from service.extensions import db
from service.web.theme import current_company


def register(app: Flask) -> None:
    """Give templates the language of the page."""
    app.jinja_env.globals["page_language"] = select_language


def speak(language: str) -> None:
    """Let the rest of this request speak `language` (a token page speaks its contact's)."""
    g.language = language


def speak_as_asked() -> None:
    """Let a page that knows nobody yet speak the language of its address, ``?language=en``."""
    asked = request.args.get("language", "")
    if asked in LANGUAGES:
        speak(asked)


def speak_without_database() -> None:
    """Settle on a language before an error page, which must not ask a database that is away."""
    try:
        speak(select_language())
    except SQLAlchemyError:
        db.session.rollback()
        speak(browser_language() or settings().default_language)


def browser_language() -> str | None:
    """Return the first of the browser's languages that we speak: es-ES before en is Spanish."""
    return negotiate_locale(request.accept_languages.values(), LANGUAGES, sep="-")


def select_language() -> str:
    """Return the language of this request: the one chosen, the person's, or the company's.

    A visitor without a token or login is answered in the language of the browser.
    """
    if not has_request_context():
        return company().language
    chosen: str | None = g.get("language")
    if chosen:
        return chosen
    member = g.get("member")
    if member is not None:
        return member.language or current_company().language
    return browser_language() or current_company().language


def select_time_zone() -> str:
    """Return the provider's time zone; every date on a page is counted in it."""
    return (current_company() if has_request_context() else company()).time_zone
