"""Custom questions are written, ordered, switched, deleted, put back and previewed."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.models import Answer, Question, QuestionKind
from tests.builders import (
    a_company,
    a_member,
    a_question,
    a_response,
    added,
    an_invitation,
    logged_in,
)
from tests.surveys.survey_links import mailed_link

COLOURS = {
    "kind": "one",
    "text_es": "¿Qué color?",
    "text_en": "Which colour?",
    "options_es": "Rojo\r\n Verde \r\n\r\n",
    "options_en": "Red\nGreen",
}


@pytest.fixture
def owner(client: FlaskClient, session: Session) -> FlaskClient:
    """An owner's browser. The company speaks Spanish."""
    a_company()
    return logged_in(client, a_member())


def press(owner: FlaskClient, address: str, **more: str):
    """Press a button of the page of questions."""
    return owner.post(address, data=more)


def the_questions(session: Session) -> list[Question]:
    """Every question, in the order of the page."""
    session.rollback()
    return list(session.scalars(select(Question).order_by(Question.position, Question.id)))


def test_a_new_question_is_in_the_survey_in_both_languages(
    owner: FlaskClient, session: Session
) -> None:
    assert press(owner, "/questions/new", **COLOURS).status_code == 303
    question = the_questions(session)[0]
    assert question.options == {"es": ["Rojo", "Verde"], "en": ["Red", "Green"]}
    invitation = an_invitation()
    session.commit()
    link = mailed_link(invitation)
    assert "¿Qué color?" in owner.get(link).text
    assert "Which colour?" in owner.get(f"{link}?lang=en").text


@pytest.mark.parametrize(
    "wrong",
    [
        {"text_es": ""},
        {"text_es": "a" * 301},
        {"options_es": "Rojo"},
        {"options_es": "Rojo\nrojo"},
        {"options_es": "\n".join(map(str, range(21)))},
        {"options_en": "Red"},
        {"options_es": "a" * 301 + "\nVerde"},
        {"kind": "essay"},
    ],
)
def test_a_question_that_cannot_be_asked_is_named_and_kept_as_typed(
    owner: FlaskClient, session: Session, wrong: dict[str, str]
) -> None:
    page = press(owner, "/questions/new", **{**COLOURS, **wrong})
    assert page.status_code == 422
    assert 'class="errors"' in page.text
    assert "Which colour?" in page.text
    assert the_questions(session) == []


def test_one_language_is_enough_and_the_page_says_which_is_missing(
    owner: FlaskClient, session: Session
) -> None:
    press(owner, "/questions/new", kind="text", text_es="¿Algo más?")
    assert the_questions(session)[0].text_in("en") == "¿Algo más?"
    assert "English" in owner.get("/questions").text


def test_questions_move_up_and_down_and_stop_at_the_ends(
    owner: FlaskClient, session: Session
) -> None:
    first, second, third = (a_question(position=7).id for _ in range(3))
    session.commit()
    press(owner, f"/questions/{third}/move", to="up")
    assert [one.id for one in the_questions(session)] == [first, third, second]
    press(owner, f"/questions/{third}/move", to="up")
    press(owner, f"/questions/{third}/move", to="up")
    assert [one.id for one in the_questions(session)] == [third, first, second]
    press(owner, f"/questions/{third}/move", to="down")
    assert [one.id for one in the_questions(session)] == [first, third, second]


def test_a_question_is_switched_off_and_on(owner: FlaskClient, session: Session) -> None:
    question = a_question().id
    session.commit()
    press(owner, f"/questions/{question}/switch", on="no")
    assert not the_questions(session)[0].is_on
    press(owner, f"/questions/{question}/switch", on="yes")
    assert the_questions(session)[0].is_on


def test_a_deleted_question_can_be_put_back_with_its_answers(
    owner: FlaskClient, session: Session
) -> None:
    question, response = a_question(text={"es": "¿Volverás?"}), a_response()
    added(Answer(response_id=response.id, question_id=question.id, value="Sí"))
    session.commit()
    number = question.id
    gone = press(owner, f"/questions/{number}/delete")
    page = owner.get(gone.location).text
    assert page.count(f"/questions/{number}/put-back") == 2  # in the note, and for later below
    assert f"/questions/{number}/move" not in page
    press(owner, f"/questions/{number}/put-back")
    assert f"/questions/{number}/move" in owner.get("/questions").text
    assert the_questions(session)[0].deleted_at is None
    assert session.scalars(select(Answer)).one().value == "Sí"


def test_the_text_of_an_answered_question_changes_in_place_but_its_list_makes_a_new_one(
    owner: FlaskClient, session: Session
) -> None:
    lists = {"es": ["Rojo", "Verde"]}
    question, response = a_question(kind=QuestionKind.one, options=lists), a_response()
    added(Answer(response_id=response.id, question_id=question.id, value=[1]))
    session.commit()
    number = question.id
    press(owner, f"/questions/{number}", **{**COLOURS, "text_es": "¿Y el color?"})
    assert the_questions(session)[0].text["es"] == "¿Y el color?"
    press(owner, f"/questions/{number}", **{**COLOURS, "options_es": "Azul\nRojo"})
    old, new = the_questions(session)
    assert old.id == number
    assert old.deleted_at is not None
    assert new.options["es"] == ["Azul", "Rojo"]
    assert session.scalars(select(Answer)).one().words_in("es") == "Verde"


def test_the_preview_shows_the_survey_and_keeps_nothing(
    owner: FlaskClient, session: Session
) -> None:
    a_question(text={"es": "¿Encendida?", "en": "On?"})
    off = a_question(text={"es": "¿Apagada?"}, is_on=False)
    session.commit()
    page = owner.get("/questions/preview").text
    assert "¿Encendida?" in page
    assert "¿Apagada?" not in page
    assert 'value="send"' not in page
    assert "¿Apagada?" in owner.get(f"/questions/preview?also={off.id}").text
    assert "On?" in owner.get("/questions/preview?lang=en").text


def test_nobody_forges_a_press(owner: FlaskClient, session: Session) -> None:
    question = a_question().id
    session.commit()
    owner.environ_base.pop("HTTP_X_CSRFTOKEN")
    assert owner.post(f"/questions/{question}/delete").status_code == 400
    assert the_questions(session)[0].deleted_at is None
