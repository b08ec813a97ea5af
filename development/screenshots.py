"""The README's pictures: one goodbye, from the client list to the testimonial, in a real browser.

It happens in a run of its own, with its own data, through the pages alone.
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
class Here:
    """Where the run is, as it says itself."""

    base: str
    owner_link: str
    mails: Path


@contextlib.contextmanager
def running() -> Iterator[Here]:
    """Run the service with empty data until the pictures are taken."""
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
            yield Here(f"http://localhost:{port}", owner_link(process), Path(home, "mails"))
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def owner_link(process: "subprocess.Popen[str]") -> str:
    """Read what the run says until it has said the owner's link."""
    for line in process.stdout or ():
        if match := re.search(r"Create the owner +(\S+)", line):
            return match[1]
    raise Trouble("the service did not start; try `python3 dev.py run`")


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with running() as here, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = desktop(browser)
        own(page, here)
        import_clients(page, here)
        html, link = survey_link(here)
        show_departure(page, here)
        show_protocol(page, here)
        page.goto(f"{here.base}/future")
        picture(page, "future")
        write_newsletter(page, here)
        mail = phone(browser)
        mail.set_content(html)
        picture(mail, "mail")
        write_testimonial(answer(browser, link))
        read_testimonial(page, here)
        page.goto(f"{here.base}/results")
        picture(page, "results")
        browser.close()


def desktop(browser: Browser) -> Page:
    return browser.new_context(viewport=DESKTOP, locale="en-GB").new_page()


def phone(browser: Browser) -> Page:
    context = browser.new_context(viewport=PHONE, locale="en-GB", device_scale_factor=2)
    return context.new_page()


def picture(page: Page, name: str) -> None:
    """Keep what the page shows."""
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")
    print(f"docs/screenshots/{name}.png")


def own(page: Page, here: Here) -> None:
    """Become the owner, say who the company is, and add a year of sample data."""
    page.goto(here.owner_link)
    page.fill("[name=name]", "Lola Fernández")
    page.fill("[name=email]", LOLA)
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=password_again]", PASSWORD)
    page.check("[name=language][value=en]")
    press(page, "[name=password_again]")
    page.goto(f"{here.base}/settings")
    page.fill("[name=name]", "Estudio Lola")
    with page.expect_navigation():
        page.press("[name=name]", "Enter")
    page.goto(here.base)
    with page.expect_navigation():
        page.click("button:has-text('Add sample data')")


def import_clients(page: Page, here: Here) -> None:
    """Bring the client list in; one of them left yesterday."""
    notice, end = (today("Europe/Madrid") - timedelta(days=days) for days in (20, 1))
    page.goto(f"{here.base}/imports")
    listed = CLIENTS.format(notice=notice, end=end, lola=LOLA).encode()
    page.set_input_files(
        "[name=file]", {"name": "clients.csv", "mimeType": "text/csv", "buffer": listed}
    )
    press(page, "[name=file]")
    picture(page, "import")
    with page.expect_navigation():
        page.click("form.confirm button")


def show_departure(page: Page, here: Here) -> None:
    """Show what went to the one who left, and what comes."""
    page.goto(f"{here.base}/departures?q=Harbour")
    page.click("main a:has-text('Harbour Books')")
    picture(page, "departure")


def show_protocol(page: Page, here: Here) -> None:
    """Show the default protocol as a picture."""
    page.goto(f"{here.base}/protocols")
    page.click("main a:has-text('The whole farewell')")
    picture(page, "protocol")


def write_newsletter(page: Page, here: Here) -> None:
    """Write a few lines to those who left, and show whom they would reach."""
    page.goto(f"{here.base}/newsletters")
    page.fill("[name=name]", "Winter letter")
    with page.expect_navigation():
        page.press("[name=name]", "Enter")
    page.fill("[name=subject]", "What we learnt this year, {{ first_name }}")
    page.fill("[name=body]", "Hello {{ first_name }},\n\nthree things we do **better** now:")
    press(page, "[name=body]")
    page.click("main nav a[href$='/audience']")
    picture(page, "newsletter")


def survey_link(here: Here) -> tuple[str, str]:
    """Wait until the invitation was sent; return its HTML and the link in it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in here.mails.glob("*.eml"):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            html = mail.get_body(preferencelist=("html",))
            text = html.get_content() if html else ""
            if match := re.search(rf'href="({re.escape(here.base)}/s/[^"?]+)', text):
                return text, match[1]
        time.sleep(0.2)
    raise Trouble("no invitation came within a minute")


def answer(browser: Browser, link: str) -> Page:
    """Answer the survey on a phone; returns the page that thanks."""
    page = phone(browser)
    page.goto(f"{link}?score=10")
    picture(page, "survey")
    page.fill("[name=valued_most]", "You always told us what was going on, and why.")
    page.fill("[name=comment]", "We would come back without thinking twice.")
    press(page, "[name=comment]", "[value=send]")
    return page


def write_testimonial(page: Page) -> None:
    """Follow the thank-you to the testimonial, and give the permission for the website."""
    page.click("a[href*='/t/']")
    page.fill("[name=quote]", "Four years, and we never once had to ask twice. We left in peace.")
    page.fill("[name=display_name]", "Emma Clarke")
    page.fill("[name=display_role]", "Owner")
    page.fill("[name=display_company]", "Harbour Books")
    page.check("[name=publish_website]")
    press(page, "[name=quote]")


def read_testimonial(page: Page, here: Here) -> None:
    """Show what waits for the provider's approval."""
    page.goto(f"{here.base}/testimonials")
    page.click("main a:has-text('Harbour Books')")
    picture(page, "testimonial")


def press(page: Page, within: str, which: str = "") -> None:
    """Press the button of the form that holds a field."""
    page.click(
        f"form:has({within}) button{which or ':not([formaction]):not([value=save])'} >> nth=0"
    )
    page.wait_for_load_state()


if __name__ == "__main__":
    main()
