"""Which language and time zone a page speaks: the contact's, the provider's, or the company's."""

from flask import Flask, g, has_request_context, request

from service.config import LANGUAGES
from service.current import company


def register(app: Flask) -> None:
    """Give templates the language of the page."""
    app.jinja_env.globals["page_language"] = select_language


def speak(language: str) -> None:
    """Let the rest of this request speak `language` (a token page speaks its contact's)."""
    g.language = language


def select_language() -> str:
    """Return the language of this request: the one chosen, the person's, or the company's.

    A visitor without a token or login is answered in the language of the browser.
    """
    if not has_request_context():
        return company().language
    chosen: str | None = g.get("language")
    if chosen:
        return chosen
    provider = g.get("provider")
    if provider is not None:
        return provider.language or company().language
    return request.accept_languages.best_match(LANGUAGES) or company().language


def select_time_zone() -> str:
    """Return the provider's time zone; every date on a page is counted in it."""
    return company().time_zone
