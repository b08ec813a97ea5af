"""Read testimonials: the team's list, and the published ones as data and as files."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from flask import render_template
from flask_babel import gettext as _
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import contains_eager

from service.current import company
from service.exports.delimited import neutral
from service.extensions import db
from service.models import Client, Departure, Invitation, Testimonial, TestimonialState
from service.paging import Page, cut, page_within

SORTS = {
    "submitted": Testimonial.submitted_at,
    "client": Client.name_key,
    "approved": Testimonial.approved_at,
}
STATES = tuple(TestimonialState)


def of_invitation(invitation: Invitation) -> Testimonial | None:
    """Return the testimonial written by an invitation, or None."""
    query = select(Testimonial).where(Testimonial.departure_id == invitation.departure_id)
    return db.session.scalar(query)


def counts() -> dict[TestimonialState, int]:
    """Return the number of testimonials in each state."""
    query = select(Testimonial.state, func.count()).group_by(Testimonial.state)
    found = {row[0]: row[1] for row in db.session.execute(query)}
    return {state: found.get(state, 0) for state in STATES}


def find(state: TestimonialState | None, words: str, sort: str, number: int) -> Page[Testimonial]:
    """Return a page of the testimonials of `state` that have all `words` in quote or names."""
    query = _filtered(select(Testimonial), state, words)
    count = db.session.scalar(_filtered(select(func.count(Testimonial.id)), state, words)) or 0
    number = page_within(number, count)
    column = SORTS.get(sort.removeprefix("-"), Testimonial.submitted_at)
    order = column.desc() if sort.startswith("-") or sort.removeprefix("-") not in SORTS else column
    client = contains_eager(Testimonial.departure).contains_eager(Departure.client)
    query = query.options(client).order_by(order, Testimonial.id.desc())
    return Page(db.session.scalars(cut(query, number)).all(), count, number)


def _filtered(query: Select[Any], state: TestimonialState | None, words: str) -> Select[Any]:
    query = query.join(Testimonial.departure).join(Departure.client)
    if state is not None:
        query = query.where(Testimonial.state == state)
    for word in words.split():
        columns = (Testimonial.quote, Testimonial.display_name, Client.name)
        query = query.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    return query


@dataclass(frozen=True, slots=True)
class Published:
    """What is public of a testimonial. Moments are ISO 8601 in UTC."""

    id: str
    quote: str
    name: str
    role: str
    company: str
    language: str
    published_at: str
    is_shortened: bool

    @property
    def signature(self) -> str:
        """Name, role and company, as far as the contact gave them."""
        return ", ".join(part for part in (self.name, self.role, self.company) if part)


def published() -> list[Published]:
    """Return the testimonials that the website may show, the newest approval first.

    The team approved them, the contact permits it and has not withdrawn them, and none is of a
    sample client.
    """
    query = (
        select(Testimonial)
        .join(Testimonial.departure)
        .join(Departure.client)
        .where(Testimonial.is_published, Client.is_sample.is_(False))
        .order_by(Testimonial.approved_at.desc(), Testimonial.id.desc())
    )
    return [
        Published(
            id=row.public_id,
            quote=row.shown_quote,
            name=row.display_name,
            role=row.display_role,
            company=row.display_company,
            language=row.language,
            published_at=row.approved_at.isoformat(timespec="seconds") if row.approved_at else "",
            is_shortened=row.shown_quote != row.quote,
        )
        for row in db.session.scalars(query)
    ]


def about() -> str:
    """Return how the testimonials came about, to be shown wherever they are."""
    text: str = _(
        "A selection. Each was written by a former client by a personal link, is shown with their "
        "permission, and is not reworded."
    )
    return text


def as_json(rows: Sequence[Published]) -> str:
    """Return a JSON document: `about` and `testimonials`."""
    document = {"about": about(), "testimonials": [asdict(row) for row in rows]}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def as_csv(rows: Sequence[Published]) -> str:
    """Return CSV with a header; an apostrophe keeps a spreadsheet from computing a cell."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, [field.name for field in fields(Published)])
    writer.writeheader()
    for row in rows:
        cells = asdict(row).items()
        writer.writerow({name: neutral(v) if isinstance(v, str) else v for name, v in cells})
    return "\ufeff" + out.getvalue()


def as_markdown(rows: Sequence[Published]) -> str:
    """Return Markdown: each quotation with its signature, then how they came about."""
    quotations = []
    for row in rows:
        lines = (f"> {_plain(line)}".rstrip() for line in row.quote.splitlines())
        quotations.append("\n".join(lines) + f"\n>\n> — {_plain(row.signature)}\n")
    return "\n".join([*quotations, f"*{about()}*\n"])


def as_html(rows: Sequence[Published]) -> str:
    """Return HTML to paste into a page: no style, and no script but the JSON-LD data."""
    return render_template(
        "public/testimonials/snippet.html",
        rows=rows,
        about=about(),
        json_ld=json_ld(rows),
    )


def json_ld(rows: Sequence[Published]) -> dict[str, object]:
    """Return the quotations about the company as schema.org describes them.

    They are a Quotation and not a Review: search engines show no stars for a company's own reviews,
    and this asks for none.
    """
    return {
        "@context": "https://schema.org",
        "@graph": [
            {
                "@type": "Quotation",
                "text": row.quote,
                "inLanguage": row.language,
                "dateCreated": row.published_at,
                "about": {"@type": "Organization", "name": company().name},
                **({"creator": _creator(row)} if row.name or row.company else {}),
            }
            for row in rows
        ],
    }


def _creator(row: Published) -> dict[str, object]:
    if not row.name:
        return {"@type": "Organization", "name": row.company}
    person: dict[str, object] = {"@type": "Person", "name": row.name}
    if row.role:
        person["jobTitle"] = row.role
    if row.company:
        person["worksFor"] = {"@type": "Organization", "name": row.company}
    return person


def _plain(text: str) -> str:
    """Escape the characters that are markup in Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#+-!|~" else c for c in text)


WRITERS: dict[str, Callable[[Sequence[Published]], str]] = {
    "json": as_json,
    "csv": as_csv,
    "html": as_html,
    "md": as_markdown,
}
