"""Bad input is answered with a clear sentence, keeps what was typed, and changes nothing."""

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.extensions import db
from service.models import Answer, Invitation, QuestionKind, Response
from tests.builders import a_company, a_question, an_invitation
from tests.surveys.survey_links import WHOLE, mailed_link, private_link, save, send


@pytest.fixture
def invitation(session: Session) -> Invitation:
    """Somebody invited to the survey."""
    a_company()
    made = an_invitation()
    session.commit()
    return made


@pytest.mark.parametrize(
    "wrong",
    [
        {"score": "99"},
        {"score": "NaN"},
        {"score": "９"},
        {"score": "-1"},
        {"score": "9.0"},
        {"score": "1e1"},
        {"score": "9\x00"},
        {"score": "9", "satisfaction": "0"},
        {"score": "9", "handover": "six"},
        {"score": "9", "return_likelihood": "11"},
        {"score": "9", "reasons": ["price", "weather"]},
        {"score": "9", "comment": "a" * 10_001},
    ],
)
def test_a_wrong_answer_is_named_and_nothing_is_kept(
    client: FlaskClient, invitation: Invitation, session: Session, wrong: dict[str, object]
) -> None:
    page = send(client, mailed_link(invitation), to_improve="Esto sigue aquí", **wrong)
    assert page.status_code == 422
    assert 'class="errors"' in page.text
    assert "Esto sigue aquí" in page.text
    assert session.scalars(select(Response)).first() is None


@pytest.mark.parametrize(
    "words",
    [
        "🙈" * 2_500,
        "مرحبا بالعالم",
        "zero\u200dwidth\u200b and \u202eturned\u202c",
        "ñ@´`'\"<script>alert(1)</script>",
        "=1+1",
        "{{ 7 * 7 }} %(name)s {0}",
        "two\nlines\tand a tab",
        "\ufeff… \U0010ffff",
    ],
)
def test_odd_text_comes_back_as_it_was_typed(
    client: FlaskClient, invitation: Invitation, session: Session, words: str
) -> None:
    address = send(client, mailed_link(invitation), score="9", comment=words).location
    assert session.scalars(select(Response)).one().comment == words
    assert client.get(address).status_code == 200
    assert "<script" not in client.get(address).text


def test_what_no_keyboard_types_is_left_out(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    typed = b"score=9&comment=a%00b%08c%0D%0Ad%ED%A0%80e%FF"
    client.post(
        mailed_link(invitation), data=typed, content_type="application/x-www-form-urlencoded"
    )
    comment = session.scalars(select(Response)).one().comment
    assert comment.startswith("abc\nd")
    assert "\x00" not in comment


def test_a_body_of_a_megabyte_is_answered_and_of_three_is_refused_kindly(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    big = send(client, mailed_link(invitation), score="9", comment="á" * 150_000)
    assert big.status_code == 422
    assert "á" * 1000 in big.text
    assert send(client, mailed_link(invitation), comment="x" * 3_000_000).status_code == 413
    many = "&".join(f"q_{number}=x" for number in range(1, 50_000))
    page = client.post(
        mailed_link(invitation), data=many, content_type="application/x-www-form-urlencoded"
    )
    assert page.status_code == 422
    assert session.scalars(select(Response)).first() is None


def test_custom_questions_accept_only_what_they_offer(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    lists = {"es": ["Rojo", "Verde"]}
    one = a_question(kind=QuestionKind.one, options=lists)
    many = a_question(kind=QuestionKind.many, options=lists)
    number = a_question(kind=QuestionKind.scale)
    session.commit()
    for name, value in ((one.id, "2"), (many.id, ["0", "-1"]), (number.id, "11")):
        page = send(client, mailed_link(invitation), score="9", **{f"q_{name}": value})
        assert page.status_code == 422, value
    huge = {f"q_{10**30}": "x", "q_0": "x", "q_": "x", "q_1x": "x"}
    assert send(client, mailed_link(invitation), score="9", **huge).status_code == 303
    assert session.scalars(select(Answer)).first() is None


@pytest.mark.parametrize("token", ["x", "a.b", "%00", "ñ", "." * 5000, "InZvbGEi.AAAA", "'--"])
def test_forged_links_are_kind_and_change_nothing(client: FlaskClient, token: str) -> None:
    for address in (f"/s/{token}", f"/r/{token}"):
        assert client.get(address).status_code == 404
        page = client.post(address, data={"score": "9", "comment": "Mis palabras"})
        assert page.status_code == 404
        assert "Mis palabras" in page.text


def test_a_flipped_byte_opens_nothing(client: FlaskClient, invitation: Invitation) -> None:
    link = mailed_link(invitation)
    for place in range(3, len(link) - 1):
        flipped = link[:place] + ("A" if link[place] != "A" else "B") + link[place + 1 :]
        assert client.get(flipped).status_code == 404, place


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    answers=st.dictionaries(
        st.sampled_from([*WHOLE, "q_1", "version", "action", "junk"]),
        st.lists(st.text(max_size=40) | st.sampled_from(["0", "5", "10", "price", "save"])),
    ),
    private=st.booleans(),
)
def test_no_form_at_all_breaks_the_survey(
    client: FlaskClient,
    invitation: Invitation,
    answers: dict[str, list[str]],
    private: bool,
) -> None:
    response = db.session.scalars(select(Response)).first()
    link = private_link(response) if response and private else mailed_link(invitation)
    encodable = {
        name: [text.encode("utf-8", "replace").decode() for text in texts]
        for name, texts in answers.items()
    }
    assert client.post(link, data=encodable).status_code in {303, 409, 422}


def test_saving_checks_what_is_there(client: FlaskClient, invitation: Invitation) -> None:
    assert save(client, mailed_link(invitation), score="99").status_code == 422
