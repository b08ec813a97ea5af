"""The pages of providers in a real browser: accessible, fit for a thumb, and running nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.clients.actions import samples
from service.clock import now
from service.models import Contact, Recovery
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT
from tests.builders import (
    a_company,
    a_departure,
    a_member,
    a_protocol,
    added,
    logged_in,
)
from tests.live import (
    DESK,
    OF_STYLE,
    PHONE,
    SMALL_PHONE,
    axe_violations,
    too_small_for_a_thumb,
    wider_than_its_window,
)

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def addresses(app) -> list[str]:
    """Every page that a provider opens without an id."""
    found = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and not rule.arguments
        and getattr(app.view_functions[rule.endpoint], "required_role", None)
        and not rule.rule.endswith((".csv", ".xlsx", "/logo"))
    }
    return [*sorted(found), "/results?period=all&until=x", "/departures?q=zzz", "/nowhere"]


def enter(window, client, live, member):
    """Give a window the session of `provider`."""
    logged_in(client, member)
    cookie = client.get_cookie("session")
    window.context.add_cookies([{"name": "session", "value": cookie.value, "url": live.url}])
    return window


@pytest.mark.parametrize(
    ("language", "is_new", "size", "dark"),
    [("es", False, PHONE, True), ("en", False, DESK, False), ("en", True, PHONE, False)],
    ids=["es-phone-dark", "en-desk", "en-new"],
)
def test_every_page_of_a_provider_is_accessible_and_fit_for_a_thumb(
    app, live, browser, client, session, language, is_new, size, dark
):
    member = a_member(language=language)
    if not is_new:
        a_company(language=language)
        samples.create(language, member.id)
        failing = a_departure(responsible=member)
        added(Recovery(departure=failing, opened_at=now() - timedelta(days=9)))
    page = enter(browser(size, dark=dark), client, live, member)
    wrong, said = [], []
    page.on("console", lambda message: said.append(message.text))
    contact = session.scalar(select(Contact).limit(1))
    known = [] if contact is None else [f"/clients/contacts/{contact.public_id}/consents"]
    protocol = f"/protocols/{a_protocol(steps=BUILT_INS[DEFAULT]).public_id}"
    of_it = ("", "/rules", "/versions", "/delete", "/steps/new", "/steps/door_open-1m")
    known += [protocol + page for page in of_it]
    if not is_new:
        known += [f"/{where}/{failing.public_id}" for where in ("departures", "recoveries")]
    session.commit()
    known += [f"/greetings/{page}" for page in ("birthday", "season/people", "season/text")]
    for address in [*addresses(app), *known]:
        answer = page.goto(live.url + address)
        assert answer.status in (200, 404), address
        # Nothing is painted in a new installation that is not painted in one that is used.
        wrong += axe_violations(page, but=OF_STYLE if is_new else ())
        wrong += wider_than_its_window(page)
        page.set_viewport_size(SMALL_PHONE)
        wrong += wider_than_its_window(page)
        wrong += too_small_for_a_thumb(page) if address not in known else []
        page.set_viewport_size(size)
        if not address.endswith("/preview"):  # it speaks the clients' language
            assert page.evaluate("document.documentElement.lang") == language, address
    assert [text for text in said if "404" not in text] == []
    assert wrong == []


def test_the_navigation_and_every_button_are_reached_by_keyboard(live, browser, client, session):
    a_company()
    page = enter(browser(DESK), client, live, a_member())
    page.goto(live.url + "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"


def test_words_twice_as_large_still_fit(live, browser, client, session):
    a_company()
    member = a_member()
    samples.create("es", member.id)
    page = enter(browser({"width": 640, "height": 480}), client, live, member)
    for address in (
        "/",
        "/results",
        "/results/churn",
        "/departures",
        "/departures/new",
        "/clients",
    ):
        page.goto(live.url + address)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert wider_than_its_window(page) == []
