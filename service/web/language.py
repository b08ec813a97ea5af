"""Choose the language and time zone of a page: the contact's, the member's or the company's."""

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
    """Use `language` for the rest of this request (a token page has its contact's)."""
    g.language = language


def speak_as_asked() -> None:
    """Use the language in the address, ``?language=en``, on pages before the login."""
    asked = request.args.get("language", "")
    if asked in LANGUAGES:
        speak(asked)


def speak_without_database() -> None:
    """Choose a language for an error page without failing when the database is away."""
    try:
        speak(select_language())
    except SQLAlchemyError:
        db.session.rollback()
        speak(browser_language() or settings().default_language)


def browser_language() -> str | None:
    """Return the first of the browser's languages that we have: es-ES before en is Spanish."""
    return negotiate_locale(request.accept_languages.values(), LANGUAGES, sep="-")


def select_language() -> str:
    """Return the language of this request: the chosen one, the member's or the company's.

    A visitor without a token or login gets the browser's language.
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
    """Return the company's time zone, in which every date on a page is counted."""
    return (current_company() if has_request_context() else company()).time_zone
