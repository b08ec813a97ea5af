"""The survey in a real browser: with a thumb, with keys alone, without script, enlarged."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from service.models import Reason, Response, Stage
from tests.builders import a_company, a_departure, a_member, an_invitation
from tests.live import DESK, PHONE, axe_violations
from tests.surveys.survey_links import mailed_link, private_link

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SCRIPTS = (
    "<script>document.title='run'</script>",
    '"><img src=x onerror="document.title=\'run\'">',
    "</textarea><svg onload=document.title='run'>",
    "javascript:document.title='run'",
)


@pytest.fixture
def link(session, live):
    """The address of a survey that nobody has answered yet."""
    a_company()
    responsible = a_member(name="Marta Ruiz")
    invitation = an_invitation(departure=a_departure(stage=Stage.closed, responsible=responsible))
    address = live.url + mailed_link(invitation)
    session.commit()
    return address


def the_answer(session):
    """Return the one response, and let go of the database: the server wants to write."""
    session.rollback()
    response = session.scalars(select(Response)).one()
    session.expunge(response)
    session.rollback()
    return response


def test_a_thumb_answers_without_script(browser, link, session):
    page = browser(PHONE, script=False, has_touch=True)
    page.goto(link + "?score=9")
    page.get_by_text("El precio").tap()
    page.get_by_label("¿Qué es lo que más valoraste?").fill("La calma")
    page.get_by_role("button", name="Enviar respuesta").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Gracias, ha llegado tu respuesta")
    expect(page.get_by_text("Marta Ruiz")).to_be_visible()
    expect(page.get_by_role("button", name="Enviar los cambios")).not_to_be_visible()
    response = the_answer(session)
    assert (response.score, response.reasons) == (9, {Reason.price})
    assert response.valued_most == "La calma"


def test_keys_alone_are_enough_and_the_focus_can_be_seen(browser, link, session):
    page = browser(DESK)
    page.goto(link)
    page.keyboard.press("Tab")  # the other language
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    ring = page.evaluate("getComputedStyle(document.activeElement.nextElementSibling).outlineWidth")
    assert ring == "3px"
    score = page.evaluate("document.querySelector('[name=score]:checked').value")
    page.keyboard.press("Enter")  # the form's first button is the one that sends
    expect(page.get_by_role("heading", level=1)).to_have_text("Gracias, ha llegado tu respuesta")
    assert the_answer(session).score == int(score)


def test_an_error_takes_the_focus_leads_to_its_field_and_loses_nothing(browser, link):
    page = browser(PHONE, script=True)
    page.goto(link)
    page.get_by_label("¿Quieres contarnos algo más?").fill("No me pierdas")
    page.get_by_role("button", name="Enviar respuesta").click()
    assert page.evaluate("document.activeElement.id") == "errors"
    assert axe_violations(page) == []
    page.get_by_role("link", name="¿Nos recomendarías").click()
    assert page.evaluate("document.activeElement.name") == "score"
    expect(page.get_by_label("¿Quieres contarnos algo más?")).to_have_value("No me pierdas")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Enviar respuesta").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Gracias, ha llegado tu respuesta")


def test_what_was_saved_on_the_phone_goes_on_at_the_desk(browser, link, live, session):
    phone = browser(PHONE, script=False)
    phone.goto(link)
    phone.get_by_label("¿Qué podríamos hacer mejor?").fill("Contestar antes")
    phone.get_by_role("button", name="Guardar y seguir luego").click()
    expect(phone.get_by_text("Guardado.")).to_be_visible()
    desk = browser(DESK)
    desk.goto(live.url + private_link(the_answer(session)))
    expect(desk.get_by_label("¿Qué podríamos hacer mejor?")).to_have_value("Contestar antes")
    assert axe_violations(desk) == []
    desk.locator("#score label", has_text="8").click()
    desk.get_by_role("button", name="Enviar respuesta").click()
    assert the_answer(session).submitted_at is not None


def test_two_times_as_large_it_still_fits_and_can_be_sent(browser, link):
    page = browser({"width": 640, "height": 640})
    page.goto(link)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    small = browser({"width": 320, "height": 256})  # what 1280 x 1024 is at 400 %
    small.goto(link)
    assert small.evaluate("document.documentElement.scrollWidth") <= 320
    squares = small.locator("#score label")
    boxes = [squares.nth(place).bounding_box() for place in range(11)]
    assert len({round(box["y"]) for box in boxes}) == 2
    assert min(min(box["width"], box["height"]) for box in boxes) >= 44


@pytest.mark.parametrize("words", SCRIPTS)
def test_no_word_of_a_client_is_run(browser, link, words):
    page = browser(PHONE)
    page.goto(link)
    for name in ("valued_most", "to_improve", "comment"):
        page.locator(f"textarea[name={name}]").fill(words)
    page.get_by_role("button", name="Enviar respuesta").click()  # without a score: shown again
    page.locator("#score label", has_text="9").click()
    page.get_by_role("button", name="Enviar respuesta").click()
    page.get_by_text("Ver o cambiar mi respuesta").click()
    expect(page.locator("textarea[name=comment]")).to_have_value(words)
    assert page.title() != "run"
