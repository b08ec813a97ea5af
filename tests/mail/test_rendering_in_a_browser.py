"""Mails as they are seen: on a narrow phone and a desk, light and dark, and no script runs."""

import pytest

from service.models import MailKind
from tests.live import DESK, axe_violations, wider_than_its_window
from tests.mail.mails import ALL, html_of, parsed
from tests.mail.test_rendering_hostile import SCRIPTS, mail_about, received

NARROW = {"width": 320, "height": 640}
EVERY_PART = (MailKind.survey_invitation, MailKind.alert_low_score)  # each colour, each macro
SCALES = (MailKind.survey_invitation, MailKind.survey_reminder_1, MailKind.survey_reminder_2)


def opened(page, html):
    page.set_content(html, wait_until="load")
    return page


def test_every_mail_fits_the_screen(every_mail, browser):
    page = browser(NARROW)
    for case in ALL:
        opened(page, html_of(parsed(every_mail[case])))
        for size in (NARROW, DESK):
            page.set_viewport_size(size)
            assert wider_than_its_window(page) == [], case


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_mail_can_be_read_and_pressed(every_mail, browser, dark):
    page = browser(NARROW, dark=dark)
    for kind in EVERY_PART:
        opened(page, html_of(parsed(every_mail[kind, "es"])))
        # A mail is no page: it has no landmarks, and its head is the mail program's.
        rules = ("color-contrast", "link-name", "image-alt", "target-size")
        assert axe_violations(page, rules) == [], kind


@pytest.mark.parametrize("kind", SCALES)
def test_a_score_is_pressed_with_a_thumb_at_320_pixels(every_mail, browser, kind):
    page = opened(browser(NARROW), html_of(parsed(every_mail[kind, "es"])))
    boxes = [cell.bounding_box() for cell in page.locator(".digit").all()]
    assert len(boxes) == 11
    assert all(box["width"] >= 40 and box["height"] >= 40 for box in boxes)
    assert len({round(box["y"]) for box in boxes}) == 2


def test_a_clients_script_does_not_run_in_an_alert(app, browser):
    page = browser(DESK)
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.message) or dialog.dismiss())
    page.on("request", lambda request: asked.append(request.url))
    for script in SCRIPTS:
        opened(page, html_of(received(mail_about(MailKind.alert_low_score, script))))
    assert [what for what in asked if not what.startswith(("about:", "data:"))] == []
