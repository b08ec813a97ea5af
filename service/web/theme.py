"""The company's accent and the stylesheets of pages."""

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from flask import Flask, current_app, g, request, url_for
from markupsafe import Markup

from service.colours import Palette, palette
from service.current import company
from service.labels import label
from service.models.companies import Company

SHEETS = ("tokens.css", "base.css", "public.css")


@lru_cache(maxsize=64)
def accent_css(accent: str) -> str:
    """Return the custom properties of `accent`, for light and for dark."""
    light, dark = (_properties(palette(accent, dark=on)) for on in (False, True))
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


@lru_cache(maxsize=1)
def public_css(folder: str) -> str:
    """Return the public pages' stylesheet, minified to be part of the page."""
    return minified("".join((Path(folder) / name).read_text() for name in SHEETS))


@lru_cache(maxsize=8)
def sheet_version(folder: str, name: str) -> str:
    """Return a hash of a stylesheet, so that browsers may cache it for good."""
    return hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest()[:10]


def minified(css: str) -> str:
    """Return `css` without comments and spare space (our own sheets only: no odd strings)."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"\s+", " ", css)
    css = re.sub(r" ?([{};,]) ?", r"\1", css)
    return css.replace(";}", "}").replace(": ", ":").strip()


def register(app: Flask) -> None:
    """Add the theme, the company and `page_with` to the templates."""
    app.jinja_env.globals.update(
        accent_css=lambda accent: Markup(accent_css(accent)),  # noqa: S704 - our own digits
        public_css=lambda: Markup(public_css(current_app.static_folder)),  # noqa: S704
        sheet_version=lambda name: sheet_version(current_app.static_folder, name),
        current_company=current_company,
        logo_url=lambda company: f"/logo/{company.logo_version}",
        page_with=page_with,
    )
    app.jinja_env.filters["labelled"] = label  # what a member of our enums is called
    app.jinja_env.tests["endpoint"] = lambda name: name in app.view_functions


def current_company() -> Company:
    """Return the company, loaded once per request."""
    if "company" not in g:
        g.company = company()
    found: Company = g.company
    return found


def page_with(**changes: object) -> str:
    """Return this page's address with parameters changed; None or "" removes one."""
    query: dict[str, object] = dict(request.args.to_dict(flat=False))
    query.update(changes)
    kept = {name: value for name, value in query.items() if value not in (None, "", [])}
    return url_for(request.endpoint or "", **{**(request.view_args or {}), **kept})


def _properties(colours: Palette) -> str:
    return (
        f"--accent:{colours.accent};--on-accent:{colours.on_accent};"
        f"--link:{colours.link};--accent-soft:{colours.soft}"
    )
