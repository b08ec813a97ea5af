"""The mail catcher in a real browser: pages that all can use, mails that cannot get out."""

import threading
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from werkzeug.serving import make_server

from service.catcher.mails import Mails
from service.catcher.pages import create_pages
from tests.live import DESK, OF_COLOURS, PHONE, axe_violations, wider_than_its_window

HTML = """<!doctype html><html lang="es"><head><title>Adiós</title></head><body>
<script>document.title = parent.document.title = "ran"</script>
<a href="{base}/?q=opened">Contar cómo ha ido</a></body></html>"""


@pytest.fixture
def caught(tmp_path) -> Iterator[tuple[str, str]]:
    """The address of a catcher with one mail, and that mail's name."""
    mails = Mails(tmp_path / "mails")
    server = make_server(
        "127.0.0.1", 0, create_pages(mails.directory, "UTC", ("es", "en")), threaded=True
    )
    base = f"http://127.0.0.1:{server.server_port}"
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "lola@example.com", "ana@example.com", "Gracias"
    mail.set_content(f"Hola.\n{base}/?q=text\n")
    mail.add_alternative(HTML.format(base=base), subtype="html")
    name = mails.keep("lola@example.com", ["ana@example.com"], mail.as_bytes())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield base, name
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("locale", ["es-ES", "en-GB"])
def test_every_page_of_the_catcher_can_be_used_by_all(browser, caught, locale):
    base, name = caught
    page = browser(PHONE, locale=locale)
    wrong: list[str] = []
    for path in ("/", "/?q=nowhere", *(f"/mails/{name}?as={v}" for v in ("text", "source"))):
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(PHONE)
        page.goto(base + path)
        wrong += axe_violations(page) + wider_than_its_window(page)
        page.emulate_media(color_scheme="dark")
        wrong += axe_violations(page, OF_COLOURS)
        page.set_viewport_size(DESK)
        wrong += wider_than_its_window(page)

    assert wrong == []


def test_a_link_of_a_mail_opens_in_a_tab_of_its_own_and_no_script_runs(browser, caught):
    base, name = caught
    page = browser(DESK)
    page.goto(f"{base}/mails/{name}")

    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("link").click()
    opened.value.wait_for_url(f"{base}/?q=opened")
    assert page.url == f"{base}/mails/{name}"
    assert "ran" not in page.title()


def test_the_catcher_needs_no_script(browser, caught):
    base, _name = caught
    page = browser(PHONE, script=False)
    page.goto(base)
    page.get_by_role("link", name="Gracias").click()

    assert page.get_by_role("heading", level=1).inner_text() == "Gracias"
