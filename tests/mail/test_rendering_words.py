"""What mails say: to whom, in whose name, in which language, and never more than they should."""

import re
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from pathlib import Path

import polib
import pytest
from sqlalchemy import event

from service.clock import now, today
from service.extensions import db
from service.mail.delivery.health import Trouble, TroubleKind
from service.mail.rendering.context import Unwritable, why_left
from service.mail.rendering.rendering import render, render_many
from service.models import MailKind, Reason
from tests.builders import a_company, a_contact
from tests.mail.mails import ALL, a_mail, html_of, in_octets, parsed, received, text_of

ROOT = Path(__file__).resolve().parents[2]
SURVEY = (MailKind.survey_invitation, MailKind.survey_reminder_1, MailKind.survey_reminder_2)


@contextmanager
def statements():
    """Collect what the database is asked."""
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_):
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield asked
    event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_every_sentence_of_the_text_stands_in_the_html(every_mail, kind, language):
    mail = parsed(every_mail[kind, language])
    body = html_of(mail).partition("<body")[2]
    html = " ".join(unescape(re.sub(r"<[^>]+>", " ", "<body" + body)).split())
    for line in text_of(mail).splitlines():
        if (
            line.startswith(("http", "-- "))
            or "this link opens" in line
            or "abre este enlace" in line
        ):
            continue  # the numbers of the scale are links in the HTML alone
        line = re.sub(r" \((http|tel:)\S+\)", "", line)  # where a link leads is in the HTML's link
        for piece in re.split(r": | · |:$", re.sub("^(- |> ?)", "", line)):
            assert piece.strip() in html, piece


@pytest.mark.parametrize("kind", MailKind)
def test_a_spanish_mail_has_no_english_in_it(every_mail, kind):
    mail = parsed(every_mail[kind, "es"])
    catalog = polib.pofile(str(ROOT / "translations/es/LC_MESSAGES/messages.po"))
    said = text_of(mail) + html_of(mail) + mail["Subject"]
    for entry in catalog:
        pieces = [piece.strip() for piece in re.split(r"%\(\w+\)s", entry.msgid)]
        english = [piece for piece in pieces if len(piece) > 12 and piece not in entry.msgstr]
        assert not any(piece in said for piece in english), entry.msgid


@pytest.mark.parametrize("kind", SURVEY)
def test_the_scale_in_the_mail_is_eleven_links_that_preselect(every_mail, kind):
    html = html_of(parsed(every_mail[kind, "es"]))
    links = re.findall(r'href="(http://localhost/s/[\w.-]+)\?score=(\d+)"[^>]*>(\d+)<', html)
    assert [int(score) for _, score, _ in links] == list(range(11))
    assert all(score == shown for _, score, shown in links)
    assert len({link for link, _, _ in links}) == 1


@pytest.mark.parametrize("kind", [MailKind.testimonial_request, MailKind.testimonial_reminder])
@pytest.mark.parametrize("language", ["es", "en"])
def test_a_testimonial_is_never_asked_for_with_the_score_in_hand(every_mail, kind, language):
    said = text_of(parsed(every_mail[kind, language]))
    assert not re.search(r"\b9\b|score|nota|puntuaci|10", re.sub(r"http\S+|\d{4}", "", said))


@pytest.mark.parametrize(
    ("reasons", "sentence"),
    [
        (set(), ""),
        ({Reason.in_house}, "in_house"),
        ({Reason.price, Reason.budget_cut}, "budget"),
        ({Reason.needs_changed, Reason.price}, "needs"),
        ({Reason.price, Reason.customer_service}, ""),
        ({Reason.price, Reason.ended_by_us}, ""),
        ({Reason.other}, ""),
    ],
)
def test_the_request_speaks_of_the_reason_only_when_that_is_kind(reasons, sentence):
    assert why_left(reasons) == sentence


def test_a_mail_comes_in_the_name_of_the_responsible(app):
    a_company(sender_email="hola@norte.example")
    mail = received(a_mail(MailKind.thank_you))
    assert mail["From"].addresses[0].display_name == "Marta Ruiz (Estudio Norte)"
    assert mail["From"].addresses[0].addr_spec == "hola@norte.example"
    assert mail["Reply-To"].addresses[0].display_name == "Marta Ruiz"
    assert mail["Reply-To"].addresses[0].addr_spec.endswith("@norte.example")


def test_without_settings_a_mail_comes_from_the_service(app):
    mail = received(a_mail(MailKind.password_link))
    assert str(mail["From"]) == "Hasta Luego <hasta-luego@localhost>"
    assert "Hasta Luego" in text_of(mail)


def test_a_reply_to_somebody_who_would_like_to_talk_goes_to_them(app):
    contact = a_contact(name="Jimena Díaz", email="jimena@daz.example")
    mail = received(a_mail(MailKind.alert_door_open, contact=contact))
    assert str(mail["Reply-To"]) == "Jimena Díaz <jimena@daz.example>"


def test_what_stays_as_it_is_is_said_only_while_it_can_be_so(app):
    tomorrow = today("Europe/Madrid") + timedelta(days=30)
    later = text_of(received(a_mail(MailKind.thank_you, departure_values={"end_on": tomorrow})))
    over = text_of(received(a_mail(MailKind.thank_you)))
    open_ended = text_of(received(a_mail(MailKind.thank_you, departure_values={"end_on": None})))
    assert "no cambia nada" in later
    assert "no cambia nada" not in over + open_ended


def test_a_team_member_reads_an_alert_in_their_own_language_and_the_answer_as_it_was(app):
    answer = {"score": 4, "to_improve": "Tardasteis\nmucho", "reasons": {Reason.customer_service}}
    mail = received(a_mail(MailKind.alert_low_score, "en", answer=answer))
    assert "4 of 10" in text_of(mail)
    assert "> Tardasteis\n> mucho" in text_of(mail)
    assert "Tardasteis<br>" in html_of(mail)
    assert "Customer service" in text_of(mail)


def test_a_low_score_asks_for_an_apology_face_to_face_and_leads_to_the_recovery(app):
    row = a_mail(MailKind.alert_low_score, "en", contact=a_contact(phone="+34 (600) 000-001"))
    mail, page = received(row), f"http://localhost/recoveries/{row.departure.public_id}"
    said = " ".join(text_of(mail).split())
    assert "you apologise soon, face to face. If they are far, by video; a call is second" in said
    assert "Never by mail, and without a “but”." in said
    assert page in said
    assert f'href="{page}"' in html_of(mail)
    assert 'href="tel:+34600000001"' in html_of(mail)
    assert "+34 (600) 000-001" in said


@pytest.mark.parametrize("phone", ["", "ask Ana"])
def test_an_alert_says_where_to_add_a_telephone_that_is_not_known(app, phone):
    row = a_mail(MailKind.alert_low_score, "en", contact=a_contact(phone=phone))
    mail = received(row)
    assert "tel:" not in html_of(mail)
    assert phone in text_of(mail)
    add = f"http://localhost/clients/contacts/{row.departure.contact.public_id}"
    assert (add in text_of(mail)) == (not phone)


def test_an_owner_is_told_when_nobody_is_responsible(app):
    row = a_mail(MailKind.alert_new_answer, "en")
    row.departure.responsible = None
    assert "nobody is responsible" in text_of(received(row))


def test_the_logo_travels_inside_the_mail_and_only_to_clients(app):
    a_company(logo=b"\x89PNG\r\n\x1a\n" + b"\0" * 500, logo_type="image/png")
    mail = received(a_mail(MailKind.thank_you))
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html_of(mail)
    assert "image/png" not in in_octets(render(a_mail(MailKind.alert_new_answer))).decode()


@pytest.mark.parametrize("logo", [(b"\0" * 20_481, "image/png"), (b"RIFF", "image/webp")])
def test_a_logo_that_is_large_or_that_outlook_cannot_draw_stays_at_home(app, logo):
    a_company(logo=logo[0], logo_type=logo[1])
    mail = received(a_mail(MailKind.thank_you))
    assert mail.get_content_type() == "multipart/alternative"
    assert "cid:" not in html_of(mail)


def test_a_mail_whose_link_leads_nowhere_is_not_written(app):
    other = a_mail(MailKind.thank_you)
    lonely = a_mail(MailKind.alert_new_answer)
    lonely.departure = None
    db.session.flush()
    first, second = render_many([lonely, other])
    assert isinstance(first, Unwritable)
    assert not isinstance(second, Unwritable)
    with pytest.raises(Unwritable, match="departure_url"):
        render(lonely)


def test_a_batch_costs_the_same_queries_whatever_its_size(app):
    a_company()
    rows = [a_mail(MailKind.survey_invitation) for _ in range(12)]
    db.session.commit()
    ids = [row.id for row in rows]
    counts = []
    for size in (2, 12):
        db.session.expunge_all()
        batch = [db.session.get(type(rows[0]), row_id) for row_id in ids[:size]]
        with statements() as asked:
            assert len(render_many(batch)) == size
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 16


@pytest.mark.parametrize(
    ("kind", "subject", "said"),
    [
        (TroubleKind.server, "Your mail server could not be reached", "535 wrong password"),
        (TroubleKind.worker, "A mail worker does not start", "535 wrong password"),
        (TroubleKind.late, "Mails are waiting too long", "1,234"),
        (TroubleKind.bounces, "Too many mails come back", "5,678"),
    ],
)
def test_each_trouble_with_the_mail_has_its_own_words_and_figures(session, kind, subject, said):
    row = a_mail(MailKind.alert_mail_trouble, "en")
    row.context = Trouble(kind, now(), 1234, 5678, "535 wrong password").figures
    mail = received(row)
    assert mail["Subject"] == subject
    for part in (text_of(mail), html_of(mail)):
        assert said in part
        assert "/deliveries" in part
