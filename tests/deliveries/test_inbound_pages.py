"""The pages of what came in: who waits stands first, and hostile mails are shown as text."""

import pytest
from sqlalchemy import event

from service.deliveries.actions import inbound
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.models import EnrolmentState, InboundMail, InboundSource, Role
from service.protocols.actions import progress
from tests import builders
from tests.deliveries.test_inbound import a_sent_mail
from tests.mail.coming_in import answer, dsn, verp_of
from tests.pages import SEEN, send


@pytest.fixture
def page(bouncing, client):
    """A browser in which a member of the team is logged in."""
    builders.a_company(language="en")
    return builders.logged_in(client, builders.a_member(role=Role.member, language="en"))


def came_in(octets: bytes) -> InboundMail:
    row = inbound.receive(octets, InboundSource.imap)
    db.session.commit()
    return row


@pytest.fixture
def reply(page) -> InboundMail:
    """A reply that paused its farewell."""
    contact = builders.a_contact(name="Ana Ruy", client=builders.a_client(name="Bodegas Ruy"))
    departure = departures.record(contact, Facts())
    return came_in(answer(a_sent_mail(departure=departure), text="¿Hablamos el lunes?"))


def test_what_waits_for_a_person_stands_first(page, reply):
    row = a_sent_mail()
    came_in(dsn(row, to=verp_of(row)))
    shown = page.get("/inbound").text

    assert "¿Hablamos el lunes?" in shown
    assert "Bodegas Ruy" in shown
    assert "550 5.1.1" not in shown
    assert "550 5.1.1" in page.get("/inbound?kind=bounces").text


def test_today_says_who_replied_until_somebody_is_done_with_it(page, reply):
    shown = page.get("/").text
    assert "replied, and the mails wait for you: read what Ana Ruy says" in shown
    assert f"/inbound/{reply.public_id}" in shown

    there = f"/inbound/{reply.public_id}"
    assert send(page, f"{there}/done", page=there).location == "/inbound"
    assert "read what Ana Ruy says" not in page.get("/").text
    assert "¿Hablamos el lunes?" in page.get("/inbound?kind=replies").text


def test_the_mails_go_on_from_the_reply_and_from_the_departure(page, reply):
    departure = reply.outbox.departure
    there = f"/inbound/{reply.public_id}"
    resume = f"/departures/{departure.public_id}/protocol/resume"
    assert resume in page.get(there).text
    assert "Ana Ruy replied" in page.get(f"/departures/{departure.public_id}").text
    send(page, resume, SEEN, page=there)

    db.session.expire_all()
    assert progress.locked(departure).enrolment.state is EnrolmentState.active
    assert "read what Ana Ruy says" not in page.get("/").text
    assert resume not in page.get(there).text


def test_of_two_who_are_done_with_it_the_second_is_told(page, reply):
    there = f"/inbound/{reply.public_id}"
    send(page, f"{there}/done", page=there)
    page.post(f"{there}/done")
    assert "Somebody of your team was faster" in page.get("/inbound").text


def test_mail_that_nobody_understands_is_told_of_and_shown_whole(page):
    row = came_in(answer(None, subject="Oferta", text="Compra", sender="buy@spam.example"))
    assert "1 mail came in that you should look at" in page.get("/").text
    shown = page.get(f"/inbound/{row.public_id}").text
    assert "nothing was changed" in shown
    assert "Subject: Oferta" in shown


def test_the_list_is_searched_by_words_sender_and_client(page, reply):
    came_in(answer(None, subject="Oferta", text="Compra 100% ya", sender="buy@spam.example"))
    for words, found in {"oferta": 1, "SPAM.example": 1, "bodegas": 1, "100%": 1, "_": 0}.items():
        shown = page.get("/inbound", query_string={"kind": "all", "q": words}).text
        assert shown.count('<li><div class="todo">') == found, words
    assert "Nothing found" in page.get("/inbound?q=nowhere").text


def test_the_list_has_pages(page):
    for number in range(30):
        inbound.receive(answer(None, subject=f"Number {number}"), InboundSource.imap)
    db.session.commit()
    assert "Page 1 of 2" in page.get("/inbound").text
    assert page.get("/inbound?page=99").text.count('<li><div class="todo">') == 5
    for odd in ("page=-1", "page=x", "kind=nonsense", "q=%00", "q=" + "a" * 3000):
        assert page.get(f"/inbound?{odd}").status_code == 200, odd


def queries_of(page) -> int:
    """How many statements the list costs."""
    asked = []
    event.listen(db.engine, "before_cursor_execute", listener := lambda *words: asked.append(words))
    page.get("/inbound?kind=all")
    event.remove(db.engine, "before_cursor_execute", listener)
    return len(asked)


def test_the_list_costs_the_same_queries_however_long_it_is(page):
    came_in(answer(a_sent_mail(), subject="One"))
    few = queries_of(page)
    for number in range(20):
        came_in(answer(a_sent_mail(), subject=f"Number {number}"))
    assert queries_of(page) == few


def test_an_empty_list_says_what_will_be_here(page):
    assert "Nothing waits for you" in page.get("/inbound").text
    assert "MAIL_INBOX_URL" in page.get("/inbound?kind=bounces").text


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "</pre></bdi><svg onload=alert(1)>",
    "\u202eoverride \u0000 \ud800 \x1b[2J",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_mails_are_shown_as_text(page, words):
    octets = (
        b"From: "
        + words.encode("utf-8", "surrogatepass")
        + b" <x@y.example>\nSubject: "
        + words.encode("utf-8", "surrogatepass")
        + b"\nContent-Type: text/html\n\n"
        + words.encode("utf-8", "surrogatepass")
    )
    row = came_in(octets)
    for there in ("/inbound", f"/inbound/{row.public_id}"):
        shown = page.get(there)
        assert shown.status_code == 200
        for tag in ("<script>alert", "<img src=x", "<svg onload"):
            assert tag not in shown.text, there
        assert ("{{ 7 * 7 }}" in shown.text) == ("7 * 7" in words), "no template is run"


def test_what_is_not_there_is_a_404(page):
    assert page.get("/inbound/nothing").status_code == 404
    assert page.post("/inbound/nothing/done").status_code == 404
