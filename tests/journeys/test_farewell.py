"""The whole farewell, by people in browsers: from a client list to a testimonial on a website."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from service.clock import today
from tests import forked
from tests.live import DESK, PHONE, ROOT, Service, axe_violations
from tests.mailboxes import Mailbox

LISTS = ROOT / "tests" / "imports" / "data"
WORDS = {
    "es": {
        "language": "Español",
        "send": "Enviar respuesta",
        "testimonial": "Enviar testimonio",
        "approve": "Aprobar",
    },
    "en": {
        "language": "English",
        "send": "Send answer",
        "testimonial": "Send testimonial",
        "approve": "Approve",
    },
}


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return part.get_content()


def mail_to(mailbox: Mailbox, address: str, path: str, seconds: float = 45) -> EmailMessage:
    """Wait for a mail to `address` that carries a link of `path`."""
    for count in range(1, 40):
        for mail in mailbox.wait_for(count, seconds):
            if mail.rcpt_tos == [address] and f"/{path}/" in text_of(mail.message):
                return mail.message
    pytest.fail(f"no mail to {address} with a link /{path}/")


def link_in(mail: EmailMessage, service: Service, path: str) -> str:
    """Return the link of `path` in the text of a mail."""
    found = re.search(rf"{re.escape(service.url)}/{path}/[\w.\-]+", text_of(mail))
    assert found, text_of(mail)
    return found[0]


@pytest.fixture
def service(live: Service) -> Service:
    """The whole service: web server, worker and clock."""
    live.start("worker.py")
    live.start("worker.py", "clock")
    return live


def become_owner(service: Service, page: Page, language: str, home: Path) -> None:
    command, said = ["-m", "flask", "--app", "wsgi", "provider", "owner-link"], home / "link"
    assert forked.start(command, service.environment, said).wait(60) == 0, said.read_text()
    page.goto(said.read_text().strip())
    page.fill("[name=name]", "Marta Ruiz")
    page.fill("[name=email]", "marta@norte.example")
    page.fill("[name=password]", "una tarde de otoño")
    page.fill("[name=password_again]", "una tarde de otoño")
    page.check(f"[name=language][value={language}]")
    page.click("main button.button")
    page.goto(f"{service.url}/settings")
    page.fill("[name=name]", "Estudio Norte")
    page.click("main form button.button:not(.quieter, .plain, .danger)")


def import_list(service: Service, page: Page, file: Path) -> None:
    page.goto(f"{service.url}/imports")
    page.set_input_files("input[type=file]", file)
    page.click("form.drop button.button")


def record_departure(service: Service, page: Page, language: str, address: str) -> None:
    page.goto(f"{service.url}/departures/new")
    page.fill("[name=client]", "Cerámicas del Sur")
    page.fill("[name=contact_name]", "Elena Sur")
    page.fill("[name=email]", address)
    page.select_option("[name=language]", language)
    yesterday = today("Europe/Madrid") - timedelta(days=1)
    page.fill("[name=end_on]", yesterday.isoformat())
    page.fill("[name=notice_on]", (yesterday - timedelta(days=20)).isoformat())
    page.check("[name=reasons][value=in_house]")
    page.click("main form button.button:not(.quieter, .plain, .danger)")
    page.check("[name=hold][value=thank_you]")  # so that the first one is the survey
    page.click("main form button[name=panel][value=now]")
    expect(page.locator("h1")).to_have_text("Cerámicas del Sur")


# Each once, so that what differs is met once: language, width, script, and database.
@pytest.mark.parametrize(
    ("language", "size", "script", "database"),
    [("es", PHONE, False, "sqlite"), ("en", DESK, True, "postgresql")],
    ids=["es", "en"],
    indirect=["database"],
)
def test_a_client_list_goes_in_and_a_testimonial_reaches_the_website(
    service: Service,
    browser: Callable[..., Page],
    mailbox: Mailbox,
    tmp_path: Path,
    language: str,
    size: dict[str, int],
    script: bool,
) -> None:
    words, address = WORDS[language], "elena@sur.example"
    desk = browser(DESK, script=script)
    become_owner(service, desk, language, tmp_path)

    import_list(service, desk, LISTS / "clientes-con-errores.csv")
    expect(desk.locator("main")).to_contain_text("31/02/2026")
    import_list(service, desk, LISTS / "clientes-excel-es.csv")
    desk.click("form.confirm button.button")
    desk.goto(f"{service.url}/clients")
    expect(desk.locator("main")).to_contain_text("Bodegas Ruy Díaz")

    record_departure(service, desk, language, address)
    invitation = mail_to(mailbox, address, "s")
    assert invitation["From"].addresses[0].display_name.startswith("Marta Ruiz")
    assert invitation["Reply-To"] == "Marta Ruiz <marta@norte.example>"

    phone = browser(size, script=script)
    phone.goto(link_in(invitation, service, "s") + "?score=9")
    assert phone.locator("[name=score][value='9']").is_checked()
    phone.check("[name=reasons][value=in_house]")
    phone.fill("[name=valued_most]", "La cercanía 😀")
    phone.get_by_role("button", name=words["send"]).click()
    assert "/r/" in phone.url
    assert phone.context.cookies() == []

    phone.click("a[href*='/t/']")
    phone.fill("[name=quote]", "Nos lo pusieron fácil hasta el último día.")
    phone.fill("[name=display_name]", "Elena Sur")
    phone.check("[name=publish_website]")
    phone.get_by_role("button", name=words["testimonial"]).click()
    assert "/q/" in phone.url

    desk.goto(f"{service.url}/testimonials")
    desk.get_by_role("link", name="Cerámicas del Sur").click()
    desk.get_by_role("button", name=words["approve"], exact=True).click()
    with urlopen(f"{service.url}/testimonials.json") as feed:
        (shown,) = json.load(feed)["testimonials"]
    assert shown["quote"] == "Nos lo pusieron fácil hasta el último día."

    desk.goto(f"{service.url}/results")
    expect(desk.locator("main")).to_contain_text("La cercanía 😀")
    alerts = [mail.message for mail in mailbox.messages() if mail.rcpt_tos[0].startswith("marta")]
    assert alerts, "the responsible hears of an answer"
    kinds = {(m.rcpt_tos[0], m.message["Subject"]) for m in mailbox.messages()}
    assert len(kinds) == len(mailbox.messages()), "no mail came twice"
    if script:
        assert axe_violations(desk) == []
