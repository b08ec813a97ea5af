"""The service as its users meet it: real web server, worker and clock, and a real browser."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from urllib.request import urlopen

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from service.config import Settings
from tests import forked
from tests.processes import missing, private_directory, wait_until

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
PHONE = {"width": 360, "height": 640}
SMALL_PHONE = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 800}
TARGETS = """() => [...document.querySelectorAll('input:not([type=hidden]), button, summary,'
     + ' textarea, select, .button, nav a')]
  .map(e => e.closest('label') && /checkbox|radio/.test(e.type) ? e.closest('label') : e)
  .map(e => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
  .filter(([html, r]) => r.width && !html.includes('aria-hidden="true"')
     && (r.width < 43.9 || r.height < 43.9))
  .map(([html, r]) => html + ' ' + r.width + 'x' + r.height)"""
# What axe-core looks at: WCAG 2.2 AA and its own best practices; what a theme can break; and what
# comes from the stylesheets alone, and takes nine tenths of the time.
EVERY_RULE = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OF_COLOURS = ("color-contrast",)
OF_STYLE = ("color-contrast", "target-size")


def free_port() -> int:
    """Return a TCP port of loopback that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def environment_of(settings: Settings, port: int) -> dict[str, str]:
    """Return the environment that gives a process the settings of a test, on `port`."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": str(settings.data_dir),
        "SECRET_KEY": settings.secret_keys[-1],
        "BASE_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "MAIL_SERVER": settings.mail_server,
        "MAIL_PORT": str(settings.mail_port),
        "MAIL_TIMEOUT": "5",
        "PYTHONWARNINGS": "default",
    }


@dataclass
class Service:
    """Running processes of one install."""

    url: str
    environment: dict[str, str]
    stack: ExitStack
    log: Path

    def start(self, *command: str) -> None:
        """Start another process of the install, such as ``worker.py clock``."""
        self.stack.callback(forked.stop, forked.start(command, self.environment, self.log))


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """Yield the web server of `settings`, answering; whatever else is started stops with it."""
    port = free_port()
    with private_directory() as home, ExitStack() as stack:
        log = home / "log"
        service = Service(f"http://127.0.0.1:{port}", environment_of(settings, port), stack, log)
        command = ["-m", "gunicorn", "wsgi:app", "-b", f"127.0.0.1:{port}"]
        web = forked.start(command, service.environment, log)
        stack.callback(forked.stop, web)
        wait_until(lambda: urlopen(f"{service.url}/healthz").close(), web, log)
        yield service


@pytest.fixture(scope="session")
def web_servers() -> Iterator[Callable[[Settings], Service]]:
    """Return a function that gives the session's web server of some settings, started once."""
    started: dict[str, Service] = {}
    with ExitStack() as stack:

        def server_of(settings: Settings) -> Service:
            if settings.database_url not in started:
                started[settings.database_url] = stack.enter_context(running(settings))
            return started[settings.database_url]

        yield server_of


@pytest.fixture
def live(
    app: Flask, settings: Settings, web_servers: Callable[[Settings], Service]
) -> Iterator[Service]:
    """The web server of the app under test, on its database; the test's own processes end with it.

    It keeps nothing between tests but what the database and Redis hold, and both are emptied.
    """
    web = web_servers(settings)
    with ExitStack() as stack:
        yield replace(web, stack=stack)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless Chromium for the session."""
    program = next((path for path in CHROMIUM if Path(path).exists()), None)
    if program is None:
        missing("Chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a fresh window: a phone unless told, with or without script."""
    contexts: list[BrowserContext] = []

    def window(
        size: dict[str, int] = PHONE, script: bool = True, dark: bool = False, **more: object
    ) -> Page:
        context = chromium.new_context(
            viewport=size,
            java_script_enabled=script,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            **more,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        return context.new_page()

    yield window
    for context in contexts:
        context.close()


def axe_violations(
    page: Page, rules: Sequence[str] = EVERY_RULE, but: Sequence[str] = ()
) -> list[str]:
    """Return what axe-core finds wrong with the page for WCAG 2.2 AA, one line each.

    It works out, and hands over, nothing but what is wrong: the rest is most of its time.
    """
    if not page.evaluate("Boolean(window.axe)"):
        # not a script tag, which the page's CSP would refuse
        page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    options = {
        "runOnly": list(rules),
        "rules": {rule: {"enabled": False} for rule in but},
        "resultTypes": ["violations"],
    }
    found = page.evaluate(
        """options => axe.run(options).then(
            all => all.violations.flatMap(rule => rule.nodes.map(
                node => `${rule.id} (${rule.help}) at ${node.html.slice(0, 200)}`)))""",
        options,
    )
    return [f"{page.url}: {wrong}" for wrong in found]


def wider_than_its_window(page: Page) -> list[str]:
    """Return in one line that the page has to be moved sideways, if it has to."""
    width = page.evaluate("document.documentElement.scrollWidth")
    window = (page.viewport_size or SMALL_PHONE)["width"]
    return [f"{page.url} is {width} wide in a window of {window}"] if width > window else []


def too_small_for_a_thumb(page: Page) -> list[str]:
    """Return the buttons, fields and links that are smaller than 44 pixels, one line each."""
    return [f"{page.url}: {small}" for small in page.evaluate(TARGETS)]
