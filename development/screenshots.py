"""Take the README's pictures: one farewell, from the import to the testimonial, in a browser.

It uses a run with separate data, and only its pages.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from development import ports
from development.environment import ROOT, Trouble
from service.clock import today

PICTURES = ROOT / "docs" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=360, height=640)
LOLA = "lola@estudio-lola.example"
PASSWORD = "a long sentence nobody guesses"
CLIENTS = """client;contact;email;language;service;started_on;notice_on;end_on;reasons;responsible
Harbour Books;Emma Clarke;emma@harbour.example;en;Website;2022-03-01;{notice};{end};in_house;{lola}
Panadería Núñez;Ana Núñez;ana@panaderia-nunez.example;es;SEO;2021-09-15;;;;
Yoga Lluvia;Lluvia Marín;lluvia@yoga-lluvia.example;es;Website;2024-01-10;;;;
"""


@dataclass
class Service:
    """The addresses of a running service, and the folder of its mails."""

    base: str
    owner_link: str
    mails: Path


@contextlib.contextmanager
def running() -> Iterator[Service]:
    """Run the service with an empty data directory, and stop it afterwards."""
    with tempfile.TemporaryDirectory(prefix="hl-pictures-") as home:
        port = ports.free(8100)
        settings = {"PORT": str(port), "DATA_DIR": home}
        process = subprocess.Popen(
            [sys.executable, "dev.py", "run"],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Service(f"http://localhost:{port}", owner_link(process), Path(home, "mails"))
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def owner_link(process: "subprocess.Popen[str]") -> str:
    """Return the owner's link from the output of `dev.py run`."""
    for line in process.stdout or ():
        if match := re.search(r"Create the owner +(\S+)", line):
            return match[1]
    raise Trouble("the service did not start; try `python3 dev.py run`")


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with running() as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = desktop(browser)
        create_owner(page, service)
        import_clients(page, service)
        html, link = survey_link(service)
        show_departure(page, service)
        show_protocol(page, service)
        page.goto(f"{service.base}/future")
        picture(page, "future")
        write_newsletter(page, service)
        mail = phone(browser)
        mail.set_content(html)
        picture(mail, "mail")
        write_testimonial(answer(browser, link))
        read_testimonial(page, service)
        page.goto(f"{service.base}/results")
        picture(page, "results")
        browser.close()


def desktop(browser: Browser) -> Page:
    return browser.new_context(viewport=DESKTOP, locale="en-GB").new_page()


def phone(browser: Browser) -> Page:
    context = browser.new_context(viewport=PHONE, locale="en-GB", device_scale_factor=2)
    return context.new_page()


def picture(page: Page, name: str) -> None:
    """Save a picture of the page."""
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")
    print(f"docs/screenshots/{name}.png")


def create_owner(page: Page, service: Service) -> None:
    """Create the owner, name the company, and add a year of sample data."""
    page.goto(service.owner_link)
    page.fill("[name=name]", "Lola Fernández")
    page.fill("[name=email]", LOLA)
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=password_again]", PASSWORD)
    page.check("[name=language][value=en]")
    press(page, "[name=password_again]")
    page.goto(f"{service.base}/settings")
    page.fill("[name=name]", "Estudio Lola")
    with page.expect_navigation():
        page.press("[name=name]", "Enter")
    page.goto(service.base)
    with page.expect_navigation():
        page.click("button:has-text('Add sample data')")


def import_clients(page: Page, service: Service) -> None:
    """Import a list of clients, one of whom left yesterday."""
    notice, end = (today("Europe/Madrid") - timedelta(days=days) for days in (20, 1))
    page.goto(f"{service.base}/imports")
    content = CLIENTS.format(notice=notice, end=end, lola=LOLA).encode()
    page.set_input_files(
        "[name=file]", {"name": "clients.csv", "mimeType": "text/csv", "buffer": content}
    )
    press(page, "[name=file]")
    picture(page, "import")
    with page.expect_navigation():
        page.click("form.confirm button")


def show_departure(page: Page, service: Service) -> None:
    """Show the departure of the client who left, with its mails sent and to come."""
    page.goto(f"{service.base}/departures?q=Harbour")
    page.click("main a:has-text('Harbour Books')")
    picture(page, "departure")


def show_protocol(page: Page, service: Service) -> None:
    """Show the diagram of the default protocol."""
    page.goto(f"{service.base}/protocols")
    page.click("main a:has-text('The whole farewell')")
    picture(page, "protocol")


def write_newsletter(page: Page, service: Service) -> None:
    """Write a newsletter, and show its audience."""
    page.goto(f"{service.base}/newsletters")
    page.fill("[name=name]", "Winter letter")
    with page.expect_navigation():
        page.press("[name=name]", "Enter")
    page.fill("[name=subject]", "What we learnt this year, {{ first_name }}")
    page.fill("[name=body]", "Hello {{ first_name }},\n\nthree things we do **better** now:")
    press(page, "[name=body]")
    page.click("main nav a[href$='/audience']")
    picture(page, "newsletter")


def survey_link(service: Service) -> tuple[str, str]:
    """Wait until the invitation was sent; return its HTML and the link of the survey."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in service.mails.glob("*.eml"):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            html = mail.get_body(preferencelist=("html",))
            text = html.get_content() if html else ""
            if match := re.search(rf'href="({re.escape(service.base)}/s/[^"?]+)', text):
                return text, match[1]
        time.sleep(0.2)
    raise Trouble("no invitation came within a minute")


def answer(browser: Browser, link: str) -> Page:
    """Answer the survey on a phone; return its page of thanks."""
    page = phone(browser)
    page.goto(f"{link}?score=10")
    picture(page, "survey")
    page.fill("[name=valued_most]", "You always told us what was going on, and why.")
    page.fill("[name=comment]", "We would come back without thinking twice.")
    press(page, "[name=comment]", "[value=send]")
    return page


def write_testimonial(page: Page) -> None:
    """Follow the link to the testimonial, and write one that the website may show."""
    page.click("a[href*='/t/']")
    page.fill("[name=quote]", "Four years, and we never once had to ask twice. We left in peace.")
    page.fill("[name=display_name]", "Emma Clarke")
    page.fill("[name=display_role]", "Owner")
    page.fill("[name=display_company]", "Harbour Books")
    page.check("[name=publish_website]")
    press(page, "[name=quote]")


def read_testimonial(page: Page, service: Service) -> None:
    """Show the testimonial that awaits approval."""
    page.goto(f"{service.base}/testimonials")
    page.click("main a:has-text('Harbour Books')")
    picture(page, "testimonial")


def press(page: Page, within: str, which: str = "") -> None:
    """Press the button of the form that has the field `within`."""
    page.click(
        f"form:has({within}) button{which or ':not([formaction]):not([value=save])'} >> nth=0"
    )
    page.wait_for_load_state()


if __name__ == "__main__":
    main()
