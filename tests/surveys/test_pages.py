"""The survey behind the mailed link, as a browser without script sees it."""

import base64
import gzip
import hashlib
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.clock import now
from service.extensions import db
from service.models import Answer, Invitation, QuestionKind, Reason, Response, Stage
from tests.builders import (
    a_company,
    a_contact,
    a_departure,
    a_member,
    a_question,
    a_response,
    an_invitation,
)
from tests.surveys.survey_links import WHOLE, mailed_link, save, send


@pytest.fixture
def invitation(session: Session) -> Invitation:
    """Somebody invited to the survey by Marta Ruiz of Estudio Norte."""
    a_company()
    departure = a_departure(responsible=a_member(name="Marta Ruiz"), stage=Stage.closed)
    made = an_invitation(departure=departure)
    session.commit()
    return made


def everything(session: Session) -> str:
    """Return a digest of every row of every table."""
    session.rollback()
    tables = db.metadata.sorted_tables
    rows = [(t.name, sorted(map(repr, session.execute(t.select())))) for t in tables]
    session.rollback()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def test_the_page_is_complete_in_one_request_of_14_kb(
    client: FlaskClient, invitation: Invitation
) -> None:
    page = client.get(mailed_link(invitation), headers={"Accept-Encoding": "gzip"})
    html = gzip.decompress(page.data).decode()
    assert page.status_code == 200
    assert len(page.data) + len(str(page.headers)) <= 14_336
    for outside in ("<script", "src=", 'rel="stylesheet"', "@import", "url(", "http:", "https:"):
        assert outside not in html, outside
    assert "Marta Ruiz" in html
    assert "Estudio Norte" in html
    for name in WHOLE:
        assert f'name="{name}"' in html, name


def test_the_style_of_the_kept_page_is_the_one_its_policy_allows(
    client: FlaskClient, invitation: Invitation
) -> None:
    first, again = (client.get(mailed_link(invitation)) for _ in range(2))
    assert first.data == again.data
    style = re.search(r"<style>(.*?)</style>", first.text, re.S)
    digest = hashlib.sha256(style[1].encode()).digest()
    policy = again.headers["Content-Security-Policy"]
    assert f"'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert "unsafe-inline" not in policy


def test_the_page_sets_no_cookie_and_sends_no_referrer(
    client: FlaskClient, invitation: Invitation
) -> None:
    for page in (
        client.get(mailed_link(invitation)),
        client.head(mailed_link(invitation)),
        client.get("/s/nobody"),
        send(client, mailed_link(invitation)),
        send(client, mailed_link(invitation), score="9"),
    ):
        assert "Set-Cookie" not in page.headers
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"


def test_opening_changes_nothing_however_often(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    before = everything(session)
    link = mailed_link(invitation)
    for _ in range(10):
        client.get(f"{link}?score=3", headers={"Purpose": "prefetch", "Sec-Purpose": "prefetch"})
        client.head(link)
        client.options(link)
    assert everything(session) == before


def test_a_score_in_the_link_is_only_preselected(
    client: FlaskClient, invitation: Invitation
) -> None:
    link = mailed_link(invitation)
    page = client.get(f"{link}?score=9").text
    assert page.count(" checked") == 1
    assert re.search(r'<input checked[^>]*name="score"[^>]*value="9"', page)
    assert " checked" not in client.get(link).text


@pytest.mark.parametrize("score", ["99", "NaN", "９", "-1", "1e1", "09", "", " 9", "9\x00"])
def test_a_score_that_is_none_is_not_preselected(
    client: FlaskClient, invitation: Invitation, score: str
) -> None:
    page = client.get(mailed_link(invitation), query_string={"score": score})
    assert page.status_code == 200
    assert " checked" not in page.text


def test_a_sent_answer_is_kept_word_for_word(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    answer = send(client, mailed_link(invitation), **WHOLE)
    assert answer.status_code == 303
    assert answer.location.startswith("/r/")
    response = session.scalars(select(Response)).one()
    assert response.submitted_at is not None
    assert (response.score, response.satisfaction, response.handover) == (9, 5, 4)
    assert response.reasons == {Reason.price, Reason.in_house}
    assert response.valued_most == "La cercanía"
    assert response.to_improve == "Los plazos"
    assert response.comment == "Volveremos a hablar"
    assert response.return_likelihood == 7
    assert response.keep_in_touch


def test_the_score_alone_is_enough(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    thanks = client.get(send(client, mailed_link(invitation), score="0").location)
    assert session.scalars(select(Response)).one().score == 0
    assert "gracias" in thanks.text.lower()
    assert "Marta Ruiz" in thanks.text


def test_without_a_score_nothing_is_sent_and_nothing_typed_is_lost(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    typed = {**WHOLE, "score": "", "comment": "línea uno\r\nlínea <dos> & más"}
    page = send(client, mailed_link(invitation), **typed)
    assert page.status_code == 422
    assert session.scalars(select(Response)).first() is None
    assert 'role="alert" tabindex="-1" autofocus' in page.text
    assert 'href="#score' in page.text
    assert "línea uno\nlínea &lt;dos&gt; &amp; más" in page.text
    assert page.text.count(" checked") == 6  # three scales, two reasons, keep in touch


def test_a_partial_answer_needs_not_even_a_score(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    saved = save(client, mailed_link(invitation), valued_most="Voy por aquí")
    assert saved.status_code == 303
    response = session.scalars(select(Response)).one()
    assert response.submitted_at is None
    assert "Voy por aquí" in client.get(saved.location).text


def test_the_mailed_link_never_shows_what_was_answered(
    client: FlaskClient, invitation: Invitation
) -> None:
    link = mailed_link(invitation)
    save(client, link, score="3", comment="Palabra secreta")
    begun = client.get(link)
    send(client, link, score="3", comment="Palabra secreta")
    sent = client.get(link)
    for page, status in ((begun, 200), (sent, 410)):
        assert page.status_code == status
        assert "secreta" not in page.text
        assert "/r/" not in page.text
        for name in ("Marta", "Estudio Norte", invitation.departure.contact.name):
            assert name not in page.text


def test_the_same_answer_a_hundred_times_is_one_answer_and_a_hundred_thanks(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    first = send(client, mailed_link(invitation), **WHOLE)
    before = everything(session)
    for _ in range(100):
        replay = send(client, mailed_link(invitation), **WHOLE)
        assert replay.status_code == 303
        assert replay.location == first.location
    assert everything(session) == before


def test_another_answer_by_the_mailed_link_is_refused_and_can_be_copied(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    send(client, mailed_link(invitation), score="9", comment="La primera")
    before = everything(session)
    page = send(client, mailed_link(invitation), score="2", comment="La segunda")
    assert page.status_code == 409
    assert "La segunda" in page.text
    assert "La primera" not in page.text
    assert everything(session) == before


def test_saving_and_then_sending_the_same_sends_it(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    save(client, mailed_link(invitation), score="8")
    send(client, mailed_link(invitation), score="8")
    save(client, mailed_link(invitation), score="8")
    assert session.scalars(select(Response)).one().submitted_at is not None


def test_the_handover_is_asked_about_only_when_there_was_one(
    client: FlaskClient, session: Session
) -> None:
    a_company()
    invitation = an_invitation(departure=a_departure(stage=Stage.notice))
    session.commit()
    assert 'name="handover"' not in client.get(mailed_link(invitation)).text
    send(client, mailed_link(invitation), score="9", handover="2")
    assert session.scalars(select(Response)).one().handover == 2


def test_the_page_is_in_the_contacts_language_and_offers_the_other(
    client: FlaskClient, session: Session
) -> None:
    a_company()
    invitation = an_invitation(departure=a_departure(contact=a_contact(language="en")))
    session.commit()
    english = client.get(mailed_link(invitation), headers={"Accept-Language": "es"})
    assert '<html lang="en">' in english.text
    assert "Send answer" in english.text
    spanish = client.get(mailed_link(invitation) + "?lang=es")
    assert '<html lang="es">' in spanish.text
    assert "Enviar respuesta" in spanish.text
    sent = client.post(mailed_link(invitation) + "?lang=es", data={"score": "9"})
    assert '<html lang="es">' in client.get(sent.location).text
    assert session.scalars(select(Response)).one().language == "es"


def test_custom_questions_are_in_their_order_and_language_and_are_kept(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    lists = {"es": ["Rojo", "Verde"], "en": ["Red", "Green"]}
    words = a_question(position=2, text={"es": "¿Algo más?"})
    number = a_question(position=1, kind=QuestionKind.scale)
    one = a_question(position=3, kind=QuestionKind.one, options=lists)
    many = a_question(position=4, kind=QuestionKind.many, options=lists)
    a_question(text={"es": "Apagada"}, is_on=False)
    session.commit()
    page = client.get(mailed_link(invitation)).text
    assert page.index(f'name="q_{number.id}"') < page.index(f'name="q_{words.id}"')
    assert "Apagada" not in page
    assert "Verde" in page
    own = {f"q_{words.id}": "Nada", f"q_{number.id}": "10", f"q_{one.id}": "1"}
    send(client, mailed_link(invitation), score="9", **own, **{f"q_{many.id}": ["0", "1"]})
    held = {answer.question_id: answer.value for answer in session.scalars(select(Answer))}
    assert held == {words.id: "Nada", number.id: 10, one.id: [1], many.id: [0, 1]}
    assert session.get(Answer, (1, many.id)).words_in("en") == "Red, Green"


def test_a_changed_name_or_colour_shows_at_once(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    client.get(mailed_link(invitation))
    session.execute(text("UPDATE companies SET name = 'Estudio Sur', accent = '#7a1f5c'"))
    session.commit()
    page = client.get(mailed_link(invitation)).text
    assert "Estudio Sur" in page
    assert "#7a1f5c" in page


def test_a_fresh_link_goes_only_to_the_contact_and_only_when_there_is_an_answer(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    link = mailed_link(invitation)
    before = everything(session)
    assert client.post(f"{link}/link").status_code == 303
    assert everything(session) == before
    a_response(invitation=invitation)
    session.commit()
    for _ in range(2):
        page = client.post(f"{link}/link")
        assert page.status_code == 200
        assert "/r/" not in page.text
        assert invitation.departure.contact.email not in page.text
    mails = session.execute(text("SELECT kind, contact_id FROM outbox")).all()
    assert mails == [("survey_resume", invitation.departure.contact_id)]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"closes_at": now() - timedelta(seconds=1)}, 410),
        ({"revoked_at": now()}, 410),
    ],
)
def test_a_link_that_is_over_is_kind_and_names_nobody(
    client: FlaskClient, session: Session, changes: dict[str, object], status: int
) -> None:
    a_company()
    departure = a_departure(responsible=a_member(name="Marta Ruiz"))
    invitation = an_invitation(departure=departure, **changes)
    session.commit()
    for page in (
        client.get(mailed_link(invitation)),
        send(client, mailed_link(invitation), score="9", comment="Mis palabras"),
    ):
        assert page.status_code == status
        for name in ("Marta", "Estudio Norte", departure.contact.name, departure.client.name):
            assert name not in page.text
    assert "Mis palabras" in page.text
    assert session.scalars(select(Response)).first() is None
