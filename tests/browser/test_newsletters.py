"""Newsletters in a real browser: reached by all; the preview shows the mail with its picture."""

import io

import pytest
from PIL import Image

from service.extensions import db
from service.newsletters.actions import images, newsletters
from tests.browser.test_provider_pages import enter
from tests.builders import a_company, a_contact, a_member
from tests.hostile import SCRIPTS
from tests.live import DESK, PHONE, axe_violations, too_small_for_a_thumb, wider_than_its_window

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.mark.parametrize(("language", "size"), [("es", PHONE), ("en", DESK)], ids=["es", "en"])
def test_a_newsletter_is_written_aimed_and_looked_at(
    live, browser, client, session, language, size
):
    a_company(language=language)
    a_contact(name=SCRIPTS[1])
    member = a_member(language=language)
    newsletter = newsletters.create(SCRIPTS[0], member)
    made = io.BytesIO()
    Image.new("RGB", (60, 30), "green").save(made, "PNG")
    image = images.add(newsletter, made.getvalue(), "x.png", SCRIPTS[2])
    body = f"Hola.\n\n![x](/media/newsletters/{image.public_id})\n\n" + "\n\n".join(SCRIPTS)
    newsletter.texts = {"es": {"subject": "Novedades", "body": body}}
    newsletter.audience = {"who": "all"}
    home = f"/newsletters/{newsletter.public_id}"
    page = enter(browser(size), client, live, member)
    db.session.rollback()  # a transaction of ours would keep the web server waiting
    ran, wrong, said = [], [], []
    page.expose_function("ran", lambda: ran.append(page.url))
    page.on("console", lambda message: said.append(message.text))
    soon = "?how=later&day=2099-01-31&hour=09:00&frequency=monthly"
    for address in ("", "/audience", "/schedule", f"/schedule{soon}", "/text?language=es"):
        page.goto(live.url + home + address)
        wrong += axe_violations(page) + too_small_for_a_thumb(page) + wider_than_its_window(page)
    frame = page.frame_locator("iframe")
    frame.get_by_text("Hola.", exact=True).wait_for()
    picture = frame.locator("img.picture")
    picture.wait_for()
    assert picture.evaluate("image => image.complete && image.naturalWidth") == 60
    assert ran == []
    assert wrong == []
    assert said == []
