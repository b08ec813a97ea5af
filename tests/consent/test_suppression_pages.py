"""Who gets no mail, as the team sees it: found, explained, added by hand, lifted with a reason."""

import csv
import io
import re

import pytest
from sqlalchemy import select

from service.extensions import db
from service.mail import outbox
from service.mail.policy import suppressions
from service.models import (
    Enrolment,
    MailKind,
    Role,
    Suppression,
    SuppressionChange,
    SuppressionReason,
    SuppressionScope,
)
from tests import builders
from tests.pages import send

ANA = "ana@cruz.example"
# What a page says does not depend on the database.
shows = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def page_of(client, session):
    """Return a function that logs somebody of a role in, speaking English."""
    builders.a_company(language="en")
    return lambda role=Role.member: builders.logged_in(
        client, builders.a_member(role=role, language="en", name="Marta Ruiz")
    )


@pytest.fixture
def page(page_of):
    return page_of()


def suppressed(email: str = ANA, reason: str = "unsubscribed", **more) -> Suppression:
    row = suppressions.add(email, SuppressionReason(reason), **more)
    db.session.commit()
    return row


def listed(html: str) -> list[str]:
    """The addresses of the list, from top to bottom."""
    return re.findall(r'<a class="row-link[^>]*>(?:<i>)?([^<]+)', html)


@shows
def test_an_empty_list_says_what_will_be_there(page):
    shown = page.get("/suppressions").text
    assert "Nobody is on the list" in shown
    assert "/suppressions/import" in shown


def test_the_newest_stand_first_with_reason_door_and_date(page):
    suppressed(source="one-click")
    suppressed("eva@cruz.example", "hard_bounce", source="smtp")
    shown = page.get("/suppressions").text

    assert listed(shown) == ["eva@cruz.example", ANA]
    assert "Dead address" in shown
    assert "unsubscribe button" in shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=CRUZ", [ANA, "eva@cruz.example"]),
        ("q=eva", ["eva@cruz.example"]),
        ("q=a_a", []),
        ("q=OLD@rios.example", ["not kept"]),
        ("q=rios", []),
        ("reason=complaint", ["eva@cruz.example"]),
        ("scope=greetings", [ANA]),
        ("sort=address", [ANA, "eva@cruz.example", "not kept"]),
        ("reason=nonsense&scope=x&sort=x&page=-3&q=%00", ["not kept", "eva@cruz.example", ANA]),
    ],
)
def test_the_list_is_searched_filtered_and_sorted(page, query, found):
    suppressed(scope=SuppressionScope.greetings)
    suppressed("eva@cruz.example", "complaint")
    suppressed("old@rios.example")
    suppressions.forget("old@rios.example")
    db.session.commit()

    shown = listed(page.get(f"/suppressions?{query}").text)

    assert (shown if "sort" in query else sorted(shown)) == (
        found if "sort" in query else sorted(found)
    )


def test_a_long_list_has_pages(page):
    for number in range(30):
        suppressions.add(f"a{number:02}@cruz.example", SuppressionReason.imported)
    db.session.commit()
    first, second = (page.get(f"/suppressions?sort=address&page={n}").text for n in (1, 2))
    assert (len(listed(first)), listed(second)[0]) == (25, "a25@cruz.example")


def test_an_address_is_added_by_hand_with_a_note(page):
    answer = send(
        page,
        "/suppressions/new",
        {"email": " Ana@cruz.example", "scope": "newsletter", "note": "She called on Tuesday."},
    )
    row = suppressions.find(ANA)

    assert answer.location == f"/suppressions/{row.public_id}"
    assert (row.reason, row.scope, row.member.name) == ("by_provider", "newsletter", "Marta Ruiz")
    shown = page.get(answer.location).text
    assert shown.count("She called on Tuesday.") == 2  # as a fact, and in the log


@shows
@pytest.mark.parametrize(
    "fields", [{"email": "ana"}, {"email": ""}, {"scope": "x"}, {"scope": ""}, {"note": "x" * 2001}]
)
def test_what_cannot_be_added_is_said_and_stays_typed(page, fields):
    typed = {"email": ANA, "scope": "unasked", "note": "Because."} | fields
    answer = send(page, "/suppressions/new", typed)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert suppressions.find(ANA) is None


def test_lifting_needs_a_reason(page):
    row = suppressed()
    answer = send(
        page, f"/suppressions/{row.public_id}/lift", page=f"/suppressions/{row.public_id}"
    )
    assert (answer.status_code, "Write why" in answer.text) == (422, True)
    assert suppressions.find(ANA) is not None


def lift(page, row: Suppression):
    there = f"/suppressions/{row.public_id}"
    return send(page, f"{there}/lift", {"why": "She asked me to."}, page=there)


def test_lifting_is_logged_and_can_be_undone(page):
    row = suppressed(source="reply", detail="baja", reason="complaint")
    before = (row.public_id, row.created_at, row.reason, row.source, row.detail)
    public_id = row.public_id
    answer = lift(page, row)

    assert suppressions.find(ANA) is None
    assert f"Off the list: {ANA}" in page.get(answer.location).text
    log = page.get(f"/suppressions?q={ANA}").text
    assert "Not on the list any more" in log
    assert "She asked me to." in log

    send(page, f"/suppressions/{public_id}/put-back", page=answer.location)
    row = suppressions.find(ANA)
    assert (row.public_id, row.created_at, row.reason, row.source, row.detail) == before
    changes = db.session.scalars(select(SuppressionChange).order_by(SuppressionChange.id)).all()
    assert [(one.is_lifted, one.why, one.member and one.member.name) for one in changes] == [
        (False, "baja", None),
        (True, "She asked me to.", "Marta Ruiz"),
        (False, "", "Marta Ruiz"),
    ]


def test_an_erased_address_can_be_lifted_and_put_back_too(page):
    row = suppressed()
    suppressions.forget(ANA)
    db.session.commit()
    public_id = row.public_id
    answer = lift(page, row)
    assert "address that is not kept" in page.get(answer.location).text
    send(page, f"/suppressions/{public_id}/put-back", page=answer.location)
    assert suppressions.find(ANA).address is None


def test_only_the_last_one_lifted_here_can_be_put_back(page):
    row = suppressed()
    public_id = row.public_id
    lift(page, row)
    lift(page, suppressed("eva@cruz.example"))
    send(page, f"/suppressions/{public_id}/put-back", page="/suppressions/new")
    assert "can no longer be undone" in page.get("/suppressions").text
    assert suppressions.find(ANA) is None


def test_of_two_who_lift_at_once_the_second_finds_it_gone(page):
    row = suppressed()
    public_id = row.public_id
    lift(page, row)
    again = send(
        page, f"/suppressions/{public_id}/lift", {"why": "Again."}, page="/suppressions/new"
    )
    assert again.status_code == 404


@shows
@pytest.mark.parametrize(
    ("reason", "warning"),
    [
        ("hard_bounce", "came back"),
        ("soft_bounces", "came back"),
        ("complaint", "get all of your mails blocked"),
        ("unsubscribed", "what the person wanted"),
    ],
)
def test_what_lifting_would_mean_is_said_first(page, reason, warning):
    row = suppressed(reason=reason)
    assert warning in page.get(f"/suppressions/{row.public_id}").text


def test_a_viewer_reads_and_neither_exports_nor_changes_anything(page_of):
    viewer = page_of(Role.viewer)
    row = suppressed()
    shown = viewer.get(f"/suppressions/{row.public_id}").text
    assert "Let mails go again" not in shown
    assert "/suppressions/new" not in viewer.get("/suppressions").text
    assert "/suppressions/export.csv" not in viewer.get("/suppressions").text
    assert viewer.post("/suppressions/export.csv").status_code == 403
    assert viewer.post(f"/suppressions/{row.public_id}/lift", data={"why": "x"}).status_code == 403


def test_the_export_is_a_file_that_is_not_kept(page):
    suppressed()
    assert page.get("/suppressions/export.csv").status_code == 404, "no link can fetch it"
    answer = page.post("/suppressions/export.csv", buffered=True)
    (line,) = csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")))
    assert (line["email"], line["reason"]) == (ANA, "unsubscribed")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("unsubscribed", "They asked for no more mails of this kind."),
        ("complaint", "They marked one of our mails as spam."),
        ("by_provider", "Somebody of your team stopped mails to this address."),
    ],
)
def test_a_mail_that_did_not_go_says_which_reason_stopped_it(page, reason, sentence):
    departure = builders.a_departure()
    row = suppressed(departure.contact.email, reason)
    outbox.write(
        MailKind.survey_invitation,
        departure.contact,
        subject="departure:1",
        step="survey_invitation",
        departure=departure,
    )
    db.session.commit()
    places = ("/deliveries?state=skipped", f"/departures/{departure.public_id}")
    for place in places:
        assert sentence in page.get(place).text, place

    suppressions.lift(row, "They are back.", source="provider")
    db.session.commit()
    for place in places:  # it is what stopped it then, and the row says so
        assert sentence in page.get(place).text, place


def test_what_is_to_come_says_it_as_well(page):
    departure = builders.a_departure()
    builders.added(Enrolment(departure=departure))
    suppressed(departure.contact.email, "complaint")
    assert "marked one of our mails as spam" in page.get(f"/departures/{departure.public_id}").text
