"""Clients who answer the survey at the real web server, as a browser without script does."""

import http.client
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from sqlalchemy import func, select

from service.database import reading
from service.extensions import db
from service.models import Response
from tests.builders import a_company, a_departure, a_member, an_invitation
from tests.surveys.survey_links import mailed_link


@dataclass(frozen=True)
class Page:
    """What came back."""

    status: int
    text: str
    location: str


@dataclass(frozen=True)
class Person:
    """A client with a link, and words that nobody else types."""

    link: str
    words: str

    def opens(self, url: str, link: str | None = None) -> Page:
        """Open the link of the mail, or another one."""
        return _ask(url, "GET", link or self.link)

    def answers(self, url: str) -> Page:
        """Press "Send answer"."""
        typed = {"action": "send", "score": "9", "comment": self.words, "reasons": "price"}
        return _ask(url, "POST", self.link, urlencode(typed))


def _ask(url: str, method: str, link: str, body: str = "") -> Page:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    connection.request(method, link, body, form)
    answer = connection.getresponse()
    page = Page(answer.status, answer.read().decode(), answer.getheader("Location") or "")
    connection.close()
    return page


def invited(count: int) -> list[Person]:
    """Return so many clients who were invited to the survey, by one responsible."""
    a_company()
    marta = a_member()
    links = [
        mailed_link(an_invitation(departure=a_departure(responsible=marta))) for _ in range(count)
    ]
    db.session.commit()
    return [Person(link, f"Palabras de {number}") for number, link in enumerate(links)]


def comments() -> list[str]:
    """Return what was stored of all answers that were sent, sorted."""
    with reading():
        query = select(Response.comment).where(Response.submitted_at.is_not(None))
        found = sorted(db.session.scalars(query))
        assert db.session.scalar(select(func.count()).select_from(Response)) == len(found)
        db.session.rollback()
    return found
