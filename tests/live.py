"""The service as its users meet it: real web server, worker and clock, and a real browser."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from urllib.request import urlopen

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from service.config import Settings
from tests.processes import missing, private_directory, start, stop, wait_until

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
PHONE = {"width": 360, "height": 640}
DESK = {"width": 1280, "height": 800}


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
        with self.log.open("ab") as out:
            process = start(
                [sys.executable, *command], cwd=ROOT, env=self.environment, stdout=out, stderr=out
            )
        self.stack.callback(stop, process)


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """Yield the web server of `settings`, answering; whatever else is started stops with it."""
    port = free_port()
    with private_directory() as home, ExitStack() as stack:
        log = home / "log"
        service = Service(f"http://127.0.0.1:{port}", environment_of(settings, port), stack, log)
        with log.open("ab") as out:
            web = start(
                [sys.executable, "-m", "gunicorn", "wsgi:app", "-b", f"127.0.0.1:{port}"],
                cwd=ROOT,
                env=service.environment,
                stdout=out,
                stderr=out,
            )
        stack.callback(stop, web)
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


def axe_violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with the page for WCAG 2.2 AA, one line each."""
    source = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)  # not a script tag, which the page's CSP would refuse
    found = page.evaluate(
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',"
        " 'best-practice']})"
    )
    return [
        f"{page.url}: {rule['id']} ({rule['help']}) at {node['html'][:200]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
