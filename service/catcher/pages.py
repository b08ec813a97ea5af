"""The pages that show caught mails. Nothing here changes anything, and nobody logs in."""

import re
from datetime import datetime
from itertools import islice
from pathlib import Path

from babel import negotiate_locale
from flask import Flask, Response, abort, current_app, render_template, request
from flask_babel import Babel, format_date, format_time, to_user_timezone
from werkzeug.datastructures import Headers

from service.catcher.mails import CaughtMail, Mails
from service.clock import now

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = 50  # mails in a list
VIEWS = ("mail", "text", "headers", "source")
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# Mails style themselves inside; in this sandbox they have no origin, no script and no network.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)


def create_pages(directory: Path, time_zone: str, languages: tuple[str, ...]) -> Flask:
    """Make the small app that shows the mails in `directory`."""
    app = Flask(
        "catcher", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static")
    )
    app.config["TRUSTED_HOSTS"] = ["localhost", "127.0.0.1", "[::1]"]  # no rebinding of names
    app.extensions["mails"] = Mails(directory)

    def language() -> str:
        wanted = request.accept_languages.values()  # es-ES before en is Spanish
        return negotiate_locale(wanted, languages, sep="-") or languages[0]

    Babel(
        app,
        default_translation_directories=str(ROOT / "translations"),
        locale_selector=language,
        timezone_selector=lambda: time_zone,
    )
    app.jinja_env.globals["page_language"] = language
    app.jinja_env.filters.update(with_links=with_links, moment=moment, exact_moment=exact_moment)
    app.add_url_rule("/", "mails", all_mails)
    app.add_url_rule("/mails/<name>", "mail", one_mail)
    app.add_url_rule("/mails/<name>/frame", "frame", frame)
    app.add_url_rule("/mails/<name>.eml", "file", file)
    app.after_request(set_headers)
    return app


def set_headers(response: Response) -> Response:
    """Keep the page to itself, and every caught mail apart from it."""
    response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def mails() -> Mails:
    found: Mails = current_app.extensions["mails"]
    return found


def page_of_mails() -> dict[str, object]:
    """Return what the list shows: the page asked for of the mails searched for."""
    words = request.args.get("q", "").strip()
    page = max(1, request.args.get("page", 1, type=int))
    found = list(islice(mails().newest_first(words), (page - 1) * PAGE, page * PAGE + 1))
    return {"words": words, "page": page, "found": found[:PAGE], "more": len(found) > PAGE}


def all_mails() -> str:
    """Show the list, newest first."""
    return render_template("catcher/mails.html", mail=None, **page_of_mails())


def one_mail(name: str) -> str:
    """Show one mail beside the list: rendered, as text, its headers, or its source."""
    mail = find(name)
    view = request.args.get("as", VIEWS[0] if mail.html else "text")
    if view not in VIEWS:
        abort(404)
    source = (mails().source(name) or b"").decode("utf-8", "replace")
    return render_template(
        "catcher/mail.html", mail=mail, view=view, source=source, **page_of_mails()
    )


def frame(name: str) -> Response:
    """Return the mail's own HTML for the phone; its links open a new tab."""
    html = find(name).html
    if html is None:
        abort(404)
    target = '<base target="_blank">'
    html, heads = re.subn(r"(?i)(<head[^>]*>)", rf"\1{target}", html, count=1)
    headers = Headers({"Content-Security-Policy": MAIL_POLICY})
    return Response(html if heads else target + html, headers=headers)


def file(name: str) -> Response:
    """Return the file itself, for a mail program."""
    find(name)
    headers = Headers({"Content-Disposition": f'attachment; filename="{name}.eml"'})
    return Response(mails().source(name), mimetype="message/rfc822", headers=headers)


def find(name: str) -> CaughtMail:
    """Return the mail, or answer 404."""
    return mails().find(name) or abort(404)


def moment(when: datetime) -> str:
    """Return the time if it was today, else the day."""
    if to_user_timezone(when).date() == to_user_timezone(now()).date():
        return str(format_time(when, "short"))
    return str(format_date(when, "d MMM"))


def exact_moment(when: datetime) -> str:
    """Return the whole date and the time to the second."""
    return f"{format_date(when, 'full')}, {format_time(when, 'medium')}"


def with_links(text: str) -> list[tuple[str, bool]]:
    """Split a text into its pieces, each with whether it is a web address."""
    pieces = re.split(r"(https?://[^\s<>\"]*[^\s<>\".,;:!?)\]])", text)
    return [(piece, index % 2 == 1) for index, piece in enumerate(pieces) if piece]
