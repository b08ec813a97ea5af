"""Published testimonials as files: JSON, CSV, Markdown and an HTML snippet with JSON-LD."""

import csv
import io
import json
from collections.abc import Callable, Sequence

from flask import render_template
from flask_babel import gettext as _

from service.current import company
from service.exports.delimited import neutral
from service.testimonials.queries.testimonials import Published, as_records

FIELDS = (
    "id",
    "quote",
    "name",
    "role",
    "company",
    "language",
    "published_at",
    "is_shortened",
)


def about() -> str:
    """Return how these testimonials came about, to be shown wherever they are."""
    words: str = _(
        "A selection. Each was written by a former client by a personal link, is shown with their "
        "permission, and is not reworded."
    )
    return words


def as_json(rows: Sequence[Published]) -> str:
    """Return a JSON document: `about` and `testimonials`."""
    document = {"about": about(), "testimonials": as_records(rows)}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def as_csv(rows: Sequence[Published]) -> str:
    """Return CSV with a header; cells that a spreadsheet would compute begin with an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, FIELDS)
    writer.writeheader()
    for record in as_records(rows):
        writer.writerow(
            {name: neutral(v) if isinstance(v, str) else v for name, v in record.items()}
        )
    return "\ufeff" + out.getvalue()


def as_markdown(rows: Sequence[Published]) -> str:
    """Return one quotation each, and how they came about."""
    quotations = [f"{_quoted(row.quote)}\n>\n> — {_plain(signature(row))}\n" for row in rows]
    return "\n".join([*quotations, f"*{about()}*\n"])


def as_html(rows: Sequence[Published]) -> str:
    """Return a snippet to paste into a page: no style, no script but the JSON-LD data."""
    return render_template(
        "public/testimonials/snippet.html",
        rows=[(row, signature(row)) for row in rows],
        about=about(),
        json_ld=json_ld(rows),
    )


def json_ld(rows: Sequence[Published]) -> dict[str, object]:
    """Return schema.org quotations about the company.

    Quotation and not Review: search engines give no stars for reviews of oneself, and this claims
    none.
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


def signature(row: Published) -> str:
    """Return name, role and company as far as they may be shown."""
    return ", ".join(part for part in (row.name, row.role, row.company) if part)


def _quoted(words: str) -> str:
    return "\n".join(f"> {_plain(line)}".rstrip() for line in words.splitlines())


def _plain(text: str) -> str:
    """Escape what Markdown would make markup of."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#+-!|~" else c for c in text)


WRITERS: dict[str, Callable[[Sequence[Published]], str]] = {
    "json": as_json,
    "csv": as_csv,
    "html": as_html,
    "md": as_markdown,
}
