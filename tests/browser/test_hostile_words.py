"""No script that strangers send runs, and none changes a page, wherever their words come out.

Every column that can hold a stranger's words holds the whole corpus; then each page, mail and feed
is opened in a real browser, without the Content-Security-Policy that would stop what we let slip.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from urllib.parse import urlsplit

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, Route
from sqlalchemy import Enum, String, Table, select, update

from service.clock import now, today
from service.extensions import db
from service.mail.rendering import messages, rendering
from service.models import OutboxMessage
from tests.hostile import SCRIPTS
from tests.live import DESK
from tests.web.walk import Target, Visitor, fill, unhindered

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
WORDS = " ".join(SCRIPTS)
MOST_PAGES = 80
PLANTED = """document.querySelectorAll(
    'img[src=x], svg[onload], [onerror], [onfocus], a[href^="javascript:" i]').length"""


# The columns with words of people, or of other people's programs. A new column with text has to be
# named here or below.
OF_PEOPLE = {
    "api_tokens": {"name"},
    "breakers": {"server_words"},
    "clients": {"name", "client_group", "service", "notes"},
    "companies": {"name", "signature", "postal_address", "website"},
    "consents": {"wording"},
    "contacts": {"name", "phone", "source"},
    "conversations": {"message", "phone", "suits", "note"},
    "data_exports": {"who"},
    "departures": {"service", "notes"},
    "events": {"detail"},
    "greetings": {"name"},
    "inbound_mails": {"sender", "subject", "excerpt", "status_code"},
    "login_sessions": {"browser", "system"},
    "mail_texts": {"subject", "body"},
    "newsletter_images": {"name", "words"},
    "newsletter_links": {"address"},
    "newsletters": {"name"},
    "outbox": {"server_words", "outcome_words"},
    "protocols": {"name"},
    "providers": {"name"},
    "recoveries": {"note", "apology_why", "apology_note"},
    "responses": {"valued_most", "to_improve", "comment"},
    "returns": {"service", "note"},
    "suppression_changes": {"why"},
    "suppressions": {"address", "detail"},
    "testimonials": {"quote", "edited_quote", "display_name", "display_role", "display_company"},
    "worker_starts": {"error", "host"},
}
OURS = {
    *("public_id", "language", "time_zone", "key", "email", "email_key", "name_key", "accent"),
    *("logo_type", "logo_version", "sender_email", "day_key", "holder", "built_in", "services"),
    *("reasons", "password_hash", "calendar_key", "token_hash", "ending", "started_day", "place"),
    *("recurrence", "first_at", "address_hash", "source", "fingerprint", "location", "birthday"),
    *("media_type", "wording_version", "channel", "step", "lease_owner", "message_id", "digest"),
    *("format", "business_days", "holiday_country", "holiday_region"),
}
TABLES_OF_OURS = {"breakers", "leases", "ramp_ups", "rate_buckets", "login_attempts", "api_answers"}


def columns_of_text(table: Table) -> set[str]:
    """Return the names of a table's columns that hold text as it is."""
    plain = (column for column in table.columns if not isinstance(column.type, Enum))
    return {column.name for column in plain if isinstance(column.type, String)}


def test_every_column_with_text_is_named_as_of_people_or_ours(app):
    for table in db.metadata.sorted_tables:
        of_people = OF_PEOPLE.get(table.name, set())
        unnamed = columns_of_text(table) - of_people - OURS
        assert unnamed == set() or table.name in TABLES_OF_OURS, table.name
        assert of_people <= columns_of_text(table), table.name


def fill_with(words: str) -> None:
    """Write `words` over whatever people wrote, in every row."""
    for table in db.metadata.sorted_tables:
        if names := OF_PEOPLE.get(table.name):
            db.session.execute(update(table).values(dict.fromkeys(names, words)))
    texts = {"es": {"subject": words, "body": words}}
    tables = db.metadata.tables
    db.session.execute(update(tables["newsletters"]).values(texts=texts))
    db.session.execute(update(tables["newsletter_issues"]).values(texts=texts))
    db.session.execute(update(tables["testimonials"]).values(edit_sent_at=now()))
    db.session.execute(update(tables["questions"]).values(text={"es": words, "en": words}))
    db.session.commit()


def a_row_in_each_table() -> None:
    """Fill what the samples leave empty: any value of its type, the first row of each key."""
    for table in db.metadata.sorted_tables:
        if table.name in OF_PEOPLE and db.session.execute(select(table)).first() is None:
            db.session.execute(table.insert().values(dict(some_values(table))))


def some_values(table: Table) -> Iterator[tuple[str, object]]:
    """Return a value for each column that needs one."""
    by_type = {str: "es", int: 1, bool: False, bytes: b"x", date: today("UTC"), datetime: now()}
    for column in table.columns:
        if column is table.autoincrement_column or column.nullable or column.default:
            continue
        if column.foreign_keys:
            (key,) = column.foreign_keys
            yield column.name, db.session.scalar(select(key.column).limit(1))
        elif isinstance(column.type, Enum):
            yield column.name, next(iter(column.type.enum_class))
        else:
            by_name = {"time_zone": "UTC", "scopes": []}
            yield column.name, by_name.get(column.name, by_type.get(column.type.python_type))


@pytest.fixture
def visitor(app, client, monkeypatch) -> Visitor:
    return unhindered(client, monkeypatch)


@pytest.fixture
def pages(visitor) -> list[Target]:
    """The pages and forms that the owner and clients come to, every word in them hostile."""
    start = fill(visitor)
    a_row_in_each_table()
    fill_with(WORDS)
    return visitor.walk(start)


@dataclass
class Window:
    """A browser's window on the app in this process, and what ran in it."""

    page: Page
    visitor: Visitor
    ran: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Let the page call `ran()`, and answer its requests by the app."""
        self.page.expose_function("ran", lambda: self.ran.append(self.page.url))
        self.page.route("**/*", self._answer)

    def _answer(self, route: Route) -> None:
        asked = route.request
        parts = urlsplit(asked.url)
        path = parts._replace(scheme="", netloc="").geturl()
        with self.visitor.client.application.app_context():
            answer = self.visitor.client.open(
                path, method=asked.method, data=asked.post_data_buffer, buffered=True
            )
        kept = {"Content-Type": answer.headers.get("Content-Type", "text/plain")}
        status = 200 if answer.location else answer.status_code  # a redirect's own words, too
        route.fulfill(status=status, headers=kept, body=answer.data)

    def opens(self, path: str) -> list[str]:
        """Open a page of the app; return what is wrong with it."""
        self.page.goto(f"http://localhost{path}")
        return self._wrong(path)

    def shows(self, html: str, what: str) -> list[str]:
        """Show a page or a mail that the app wrote; return what is wrong with it."""
        self.page.set_content(html)
        return self._wrong(what)

    def _wrong(self, what: str) -> list[str]:
        planted = self.page.evaluate(PLANTED)
        found = [f"{what}: {planted} planted"] if planted else []
        found += [f"{what}: a script ran"] if self.ran else []
        self.ran.clear()
        return found


@pytest.fixture
def window(browser, visitor) -> Window:
    return Window(browser(DESK), visitor)


def test_nothing_that_strangers_wrote_runs_on_any_page_or_in_any_mail(window, pages):
    """One story, because each page is opened twice: to be filled, and to be looked at."""
    shown = [page for page in pages if page.method == "GET" and not is_file(page)]
    forms = [target for target in pages if target.method == "POST"]
    assert len({window.visitor.view_of(target) for target in shown}) > MOST_PAGES
    mails = db.session.scalars(select(OutboxMessage)).all()
    wrong = [w for row in mails for w in window.shows(html_of(row), row.kind)]
    wrong += [w for target in shown for w in window.opens(target.path)]
    wrong += [w for html, what in refusals(window.visitor, forms) for w in window.shows(html, what)]
    assert wrong == []


def is_file(target: Target) -> bool:
    return urlsplit(target.path).path.endswith((".csv", ".xlsx", ".ics"))


def html_of(row: OutboxMessage) -> str:
    return messages.decoded(rendering.render(row).html)


def refusals(visitor: Visitor, forms: list[Target]) -> Iterator[tuple[str, str]]:
    """Send each form with hostile words in all its fields; yield the pages that refuse them."""
    for form in forms:
        typed = {name: WORDS for name, _ in form.fields}
        answer = visitor.client.post(form.path, data=typed, buffered=True)
        if answer.mimetype == "text/html" and not answer.location:
            yield answer.text, form.path
        db.session.rollback()


def test_a_cell_of_an_export_is_never_a_formula(visitor):
    fill(visitor)
    a_row_in_each_table()
    fill_with("=HYPERLINK(0)")
    for path in ("/results/matrix.csv?period=all", "/suppressions/export.csv"):
        text = visitor.client.post(path, buffered=True).text
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert any(cell.endswith("=HYPERLINK(0)") for cell in cells), path
        assert [cell for cell in cells if cell.startswith(tuple("=+-@\t\r"))] == []
    file = visitor.client.post("/results/matrix.xlsx?period=all", buffered=True).data
    book = load_workbook(io.BytesIO(file))
    cells = [cell for row in book.active.iter_rows() for cell in row]
    assert any(cell.value == "=HYPERLINK(0)" for cell in cells)
    assert [cell.value for cell in cells if cell.data_type == "f"] == []
