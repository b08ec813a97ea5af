"""Moderation, and what is public because of it."""

import csv
import io
import json

import pytest
from sqlalchemy import select

from service.clock import now
from service.errors import Refused
from service.extensions import db
from service.models import MailKind, OutboxMessage, Role, Testimonial, TestimonialState
from service.testimonials import actions
from service.testimonials.rules import first_added_word
from tests.builders import a_client, a_company, a_contact, a_departure, a_member, added, logged_in

LONG = "Llegamos sin saber qué necesitábamos y salimos con un plan. ¡Los recomendaría a un amigo!"


def a_testimonial(**more) -> Testimonial:
    departure = more.pop("departure", None) or a_departure()
    values = {"quote": LONG, "language": "es", "publish_website": True, "display_name": "Ruy"}
    return added(Testimonial(departure=departure, **{**values, **more}))


@pytest.fixture
def member(client, session):
    a_company()
    return logged_in(client, a_member(role=Role.member))


def feed(client):
    return json.loads(client.get("/testimonials.json").data)["testimonials"]


def test_nothing_is_public_before_the_provider_approves(member):
    testimonial = a_testimonial()
    db.session.commit()
    assert feed(member) == []
    member.post(f"/testimonials/{testimonial.public_id}/approve")
    (shown,) = feed(member)
    assert shown["quote"] == LONG
    assert shown["name"] == "Ruy"


def test_nothing_is_public_without_the_contacts_permission(member):
    testimonial = a_testimonial(publish_website=False, publish_brochure=True)
    db.session.commit()
    member.post(f"/testimonials/{testimonial.public_id}/approve")
    assert testimonial.state is TestimonialState.approved
    assert feed(member) == []
    assert LONG not in member.get("/testimonials.html").text


def test_an_approval_can_be_undone(member):
    testimonial = a_testimonial(state=TestimonialState.approved)
    db.session.commit()
    assert len(feed(member)) == 1
    member.post(f"/testimonials/{testimonial.public_id}/reopen")
    assert feed(member) == []


def test_what_was_withdrawn_cannot_be_approved(member):
    testimonial = a_testimonial(state=TestimonialState.withdrawn, withdrawn_at=now())
    db.session.commit()
    page = member.post(f"/testimonials/{testimonial.public_id}/approve", follow_redirects=True)
    assert "ha retirado este testimonio" in page.text
    assert testimonial.state is TestimonialState.withdrawn


def test_a_sample_testimonial_is_never_published(member):
    contact = a_contact(client=a_client(is_sample=True))
    a_testimonial(departure=a_departure(contact=contact), state=TestimonialState.approved)
    db.session.commit()
    assert feed(member) == []


def test_a_shorter_version_waits_for_the_contacts_yes(member):
    testimonial = a_testimonial(state=TestimonialState.approved)
    db.session.commit()
    answer = member.post(
        f"/testimonials/{testimonial.public_id}/shorten",
        data={"edited_quote": "… salimos con un plan."},
    )
    assert answer.status_code == 303
    assert feed(member)[0]["quote"] == LONG
    (mail,) = db.session.scalars(select(OutboxMessage)).all()
    assert mail.kind is MailKind.testimonial_edit
    page = member.get(f"/testimonials/{testimonial.public_id}").text
    assert "<del>Llegamos sin saber qué necesitábamos y </del>salimos con un plan." in page


@pytest.mark.parametrize(
    ("shorter", "strange"),
    [
        ("Salimos con un plan.", None),
        ("Llegamos … y salimos con un plan. ¡Los recomendaría!", None),
        ("Salimos con un gran plan.", "gran"),
        ("Un plan salimos con.", "salimos"),
        ("Los recomendamos a un amigo", "recomendamos"),
        ("😀", "😀"),
    ],
)
def test_words_may_be_left_out_but_not_changed_moved_or_added(shorter, strange):
    assert first_added_word(LONG, shorter) == strange


def test_a_changed_word_is_refused_and_what_was_typed_is_kept(member):
    testimonial = a_testimonial()
    db.session.commit()
    answer = member.post(
        f"/testimonials/{testimonial.public_id}/shorten", data={"edited_quote": "Un plan genial."}
    )
    assert answer.status_code == 422
    assert "«genial»" in answer.text
    assert ">Un plan genial.</textarea>" in answer.text.replace("\r\n", "")
    assert testimonial.edited_quote == ""


def test_moderating_what_was_withdrawn_says_so(session):
    a_company()
    testimonial = a_testimonial(state=TestimonialState.withdrawn, withdrawn_at=now())
    with pytest.raises(Refused):
        actions.shorten(testimonial, "Un plan.", a_member())


def test_the_list_is_searched_by_state_and_text(member):
    a_testimonial(departure=a_departure(contact=a_contact(client=a_client(name="Café Río"))))
    a_testimonial(quote="Otra cosa", state=TestimonialState.rejected)
    db.session.commit()
    assert "Café Río" in member.get("/testimonials?q=río").text
    only = member.get("/testimonials?state=rejected").text
    assert "Otra cosa" in only
    assert "Café Río" not in only
    assert "No se ha encontrado nada" in member.get("/testimonials?q=100%25").text


def test_the_feed_can_be_cached_and_asked_again_cheaply(member):
    a_testimonial(state=TestimonialState.approved)
    db.session.commit()
    first = member.get("/testimonials.json")
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    assert "Set-Cookie" not in first.headers
    again = member.get("/testimonials.json", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_the_snippet_says_that_it_is_a_selection_and_escapes_words(member):
    a_testimonial(quote="</script><script>alert(1)</script>", state=TestimonialState.approved)
    db.session.commit()
    page = member.get("/testimonials.html", headers={"Accept-Language": "es"}).text
    assert "Una selección" in page
    assert "<script>alert" not in page
    start = page.index('ld+json">') + len('ld+json">')
    graph = json.loads(page[start : page.index("</script>", start)])["@graph"]
    assert graph[0]["@type"] == "Quotation"


@pytest.mark.parametrize("kind", ["json", "csv", "html", "md"])
def test_testimonials_can_be_exported(app, session, kind, tmp_path):
    a_company()
    a_testimonial(state=TestimonialState.approved, quote="=1+1 ñ 😀")
    a_testimonial(state=TestimonialState.submitted, quote="Aún no")
    session.commit()
    file = tmp_path / f"out.{kind}"
    arguments = ["testimonials", "export", "--format", kind, "--out", str(file)]
    assert app.test_cli_runner().invoke(args=arguments).exit_code == 0
    text = file.read_text(encoding="utf-8")
    assert "1 ñ 😀" in text
    assert "Aún no" not in text
    if kind == "csv":
        (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
        assert row["quote"] == "'=1+1 ñ 😀"


def test_an_export_that_cannot_be_written_says_so_in_one_line(app, session, tmp_path):
    arguments = ["testimonials", "export", "--format", "json", "--out", str(tmp_path / "no" / "x")]
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: cannot write")
