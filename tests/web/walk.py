"""A walk through the pages by an owner and by clients: each address and form that they come to."""

from dataclasses import dataclass, replace
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from service.clients.actions import samples
from service.extensions import db, limiter
from service.models import Role
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT
from tests.browser.test_scanners import links_of_every_mail
from tests.builders import (
    a_company,
    a_member,
    a_protocol,
    a_question,
    a_talk_request,
    logged_in,
)


@dataclass(frozen=True)
class Target:
    """An address, with the fields of its form if it is one."""

    method: str
    path: str
    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()


class Page(HTMLParser):
    """The links and forms of a page, each form with its fields, chosen or not."""

    def __init__(self, at: str, html: str) -> None:
        super().__init__()
        self.at, self.links = at, list[str]()
        self._forms, self._actions = list[Target](), list[tuple[int, str]]()
        self.feed(html)

    def forms(self) -> list[Target]:
        """Return the forms; once more for each button that sends one to another address."""
        others = [replace(self._forms[form], path=path) for form, path in self._actions]
        return [form for form in self._forms + others if form.path]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note a link, a form or a field."""
        given = {name: value or "" for name, value in attributes}
        if tag in ("a", "iframe", "img"):
            self.links.append(self._ours(given.get("href") or given.get("src") or ""))
        elif tag == "form":
            method = given.get("method", "get").upper()
            self._forms.append(Target(method, self._ours(given.get("action", ""))))
        elif tag in ("input", "select", "textarea", "button"):
            if "formaction" in given and self._forms:
                self._actions.append((len(self._forms) - 1, self._ours(given["formaction"])))
            self._add(given.get("name", ""), given.get("value", ""), given.get("type") == "file")

    def _add(self, name: str, value: str, is_file: bool) -> None:
        if self._forms and name and name != "csrf_token":
            form = self._forms[-1]
            files = {"files": (*form.files, name)}
            fields = {"fields": (*form.fields, (name, value))}
            self._forms[-1] = replace(form, **(files if is_file else fields))

    def _ours(self, written: str) -> str:
        """Return the path and query of an address; "" for one of another host."""
        parts = urlsplit(urljoin(self.at, written))
        is_ours = parts.netloc in ("", "localhost")
        return parts._replace(scheme="", netloc="", fragment="").geturl() if is_ours else ""


class Visitor:
    """An owner at a browser; another one logs in when a request has ended the session."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.urls = client.application.url_map.bind("localhost")
        self.enter()

    def enter(self) -> None:
        """Log in as a new owner."""
        db.session.rollback()
        member = a_member(role=Role.owner)
        logged_in(self.client, member)
        self.member_id = member.id

    def view_of(self, target: Target) -> str:
        """Return the endpoint that a target belongs to; "" when none does."""
        try:
            return str(self.urls.match(urlsplit(target.path).path, method=target.method)[0])
        except (NotFound, MethodNotAllowed, RequestRedirect):
            return ""

    def walk(self, start: list[Target], most: int = 1) -> list[Target]:
        """Open pages, beginning with `start`; return what they lead to, at most so many a view."""
        waiting, kept = list(start), dict[Target, str]()
        while waiting:
            target = waiting.pop(0)
            view = self.view_of(target)
            if not view or target in kept or list(kept.values()).count(view) >= most:
                continue
            kept[target] = view
            if target.method == "GET":
                answer = self.client.get(target.path, buffered=True)
                if answer.mimetype == "text/html":
                    page = Page(target.path, answer.text)
                    waiting += page.forms() + [Target("GET", link) for link in page.links if link]
        return list(kept)


def unhindered(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """Return an owner whom neither a limit nor a form's proof keeps from anything."""
    monkeypatch.setitem(client.application.config, "WTF_CSRF_ENABLED", False)
    monkeypatch.setattr(limiter, "enabled", False)
    a_company()
    return Visitor(client)


def fill(visitor: Visitor) -> list[Target]:
    """Fill the database; return where a walk begins: links in mails, and pages without an id."""
    a_question()
    a_talk_request()
    samples.create("es", visitor.member_id)
    protocol = a_protocol(steps=BUILT_INS[DEFAULT]).public_id
    paths = {urlsplit(link).path for link in links_of_every_mail("http://localhost")}
    paths |= {f"/protocols/{protocol}{page}" for page in ("", "/rules", "/steps/new")}
    for rule in visitor.client.application.url_map.iter_rules():
        if not rule.arguments and "GET" in (rule.methods or ()):
            paths.add(rule.rule)
    db.session.commit()
    return [Target("GET", path) for path in sorted(paths)]
