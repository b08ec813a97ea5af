"""Every setting of the README: the service starts with it, mails leave, every page answers.

Real processes on real servers. An install has a few settings that do not touch one another, each
beside the defaults of what it could depend on; one has the least, one has all. A setting without a
row here, or in no install, fails the first test.
"""

import base64
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect, Rule

from service.app import create_app
from service.clock import now
from service.config import LANGUAGES
from service.extensions import limiter
from service.models import MailKind
from tests import forked
from tests.conftest import settings_for
from tests.dns_server import dns_server
from tests.dovecot import Dovecot
from tests.live import ROOT, free_port
from tests.mailboxes import Mailbox, smtp
from tests.processes import private_directory
from tests.settings.installs import DRAFT, LIST, PLANNED, Install, copy_of, installed, seed
from tests.settings.names import setting_names

if TYPE_CHECKING:
    from tests.servers import Postgres

CERTIFICATES = ROOT / "tests" / "mail" / "certificates"
# Pages that a visitor of the samples cannot come to by links: what they show is made by a step
# before them. Each has tests of its own.
NOT_LINKED = {"imports.show", "suppression_lists.show"}


@dataclass
class Servers:
    """What the settings of a test may name."""

    plain: Mailbox
    starttls: Mailbox
    guarded: Mailbox  # STARTTLS and a login
    tls: Mailbox
    asking: Mailbox  # for a login
    dns_port: int
    inbox_url: str
    redis_url: str
    postgres: Callable[[], str]  # makes a filled database


def sendgrid_key() -> str:
    """Return a public key as SendGrid shows it."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(octets).decode()


def to(server: Mailbox) -> dict[str, str]:
    return {"MAIL_SERVER": server.host, "MAIL_PORT": str(server.port)}


TRUST = {"SSL_CERT_FILE": str(CERTIFICATES / "ca.pem")}
KEY = {"SECRET_KEY": "a key for the tests of settings"}
LOGIN = {"MAIL_USERNAME": "norte", "MAIL_PASSWORD": "right"}

# What each setting is set to, and what it needs beside it.
ROWS: dict[str, Callable[[Servers], dict[str, str]]] = {
    "DATABASE_URL": lambda at: {"DATABASE_URL": at.postgres()},
    "REDIS_URL": lambda at: {"REDIS_URL": f"{at.redis_url}?db=3"},
    "DATA_DIR": lambda _: {},  # always set here, to a folder with a space and an accent
    "SECRET_KEY": lambda _: KEY,
    "SECRET_KEY_FALLBACKS": lambda _: {"SECRET_KEY_FALLBACKS": "an older key of ours, the oldest"},
    "BASE_URL": lambda _: {"BASE_URL": "https://adios.example.com"},
    "PORT": lambda _: {"PORT": str(free_port())},
    "ENVIRONMENT": lambda _: {"ENVIRONMENT": "production", **KEY},
    "MAIL_SERVER": lambda at: {"MAIL_SERVER": "localhost", "MAIL_PORT": str(at.plain.port)},
    "MAIL_PORT": lambda at: to(at.plain),
    "MAIL_USE_TLS": lambda at: {"MAIL_USE_TLS": "yes", **to(at.starttls), **TRUST},
    "MAIL_USE_SSL": lambda at: {"MAIL_USE_SSL": "yes", **to(at.tls), **TRUST},
    "MAIL_USERNAME": lambda at: {**LOGIN, **to(at.asking)},
    "MAIL_PASSWORD": lambda at: {**LOGIN, **to(at.asking)},
    "MAIL_DEFAULT_SENDER": lambda _: {"MAIL_DEFAULT_SENDER": "adios@norte.example"},
    "MAIL_RATE": lambda _: {"MAIL_RATE": "20/s"},
    "MAIL_TIMEOUT": lambda _: {"MAIL_TIMEOUT": "5"},
    "MAIL_CONNECTIONS": lambda _: {"MAIL_CONNECTIONS": "3"},
    "MAIL_DOMAIN_RATE": lambda _: {"MAIL_DOMAIN_RATE": "20/s"},
    "MAIL_RAMP_UP": lambda _: {"MAIL_RAMP_UP": "50x1.5"},
    "MAIL_BOUNCE_ADDRESS": lambda _: {"MAIL_BOUNCE_ADDRESS": "rebotes@norte.example"},
    "MAIL_INBOX_URL": lambda at: {"MAIL_INBOX_URL": at.inbox_url},
    "SES_TOPIC": lambda _: {"SES_TOPIC": "arn:aws:sns:eu-west-1:123456789012:adios"},
    "SENDGRID_KEY": lambda _: {"SENDGRID_KEY": sendgrid_key()},
    "POSTMARK_LOGIN": lambda _: {"POSTMARK_LOGIN": "postmark:secret"},
    "MAILGUN_KEY": lambda _: {"MAILGUN_KEY": "key-0123456789"},
    "METRICS_TOKEN": lambda _: {"METRICS_TOKEN": "prometheus"},
    "DNS_SERVER": lambda at: {"DNS_SERVER": f"127.0.0.1:{at.dns_port}"},
    "MAIL_READER_URL": lambda _: {"MAIL_READER_URL": "http://localhost:8025"},
    "TIMEZONE": lambda _: {"TIMEZONE": "America/Bogota"},
    "DEFAULT_LANGUAGE": lambda _: {"DEFAULT_LANGUAGE": "en"},
    "TRUSTED_PROXIES": lambda _: {"TRUSTED_PROXIES": "1"},
}


# The installs. Whatever could depend on another setting stands apart from it: a bounce address from
# the inbox, older keys from the key, a kind of TLS from another and from the login.
INSTALLS: dict[str, tuple[str, ...]] = {
    "the least": ("DATA_DIR", "MAIL_PORT"),  # both are always set here
    "servers elsewhere": (
        *("DATABASE_URL", "REDIS_URL", "MAIL_SERVER", "SECRET_KEY", "MAIL_BOUNCE_ADDRESS"),
        *("SES_TOPIC", "METRICS_TOKEN", "TIMEZONE", "MAIL_RATE"),
    ),
    "TLS from the first byte": (
        *("MAIL_USE_SSL", "SECRET_KEY_FALLBACKS", "PORT", "MAIL_CONNECTIONS", "MAIL_INBOX_URL"),
        *("SENDGRID_KEY", "DEFAULT_LANGUAGE", "MAIL_READER_URL"),
    ),
    "production behind a proxy": (
        *("ENVIRONMENT", "BASE_URL", "TRUSTED_PROXIES", "MAIL_USE_TLS", "MAIL_RAMP_UP"),
        *("MAIL_DEFAULT_SENDER", "POSTMARK_LOGIN"),
    ),
    "a login": (
        *("MAIL_USERNAME", "MAIL_PASSWORD", "MAIL_TIMEOUT", "MAIL_DOMAIN_RATE", "DNS_SERVER"),
        "MAILGUN_KEY",
    ),
    "all of them": (),
}


def row_of(install: str, at: Servers) -> dict[str, str]:
    """Return the settings of an install."""
    if install == "all of them":
        return all_of_them(at)
    together: dict[str, str] = {}
    for name in INSTALLS[install]:
        together |= ROWS[name](at)
    return together


def all_of_them(at: Servers) -> dict[str, str]:
    """Return every setting at once: STARTTLS, because only one kind of TLS can be."""
    together: dict[str, str] = {}
    for name, row in ROWS.items():
        if name not in {"MAIL_USE_SSL", "MAIL_SERVER", "MAIL_PORT"}:
            together |= row(at)
    return together | to(at.guarded)


def test_every_setting_of_the_readme_has_a_row_here():
    assert set(ROWS) == setting_names()
    assert {name for install in INSTALLS.values() for name in install} == setting_names()
    readme = (ROOT / "README.md").read_text()
    assert [name for name in setting_names() if f"`{name}`" not in readme] == []


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with an owner and a year of samples, to be copied."""
    home = tmp_path_factory.mktemp("template")
    fill(f"sqlite:///{home / 'template.sqlite3'}", home)
    return home / "template.sqlite3"


def fill(url: str, home: Path) -> None:
    """Migrate a new database as the README says, and fill it."""
    environment = {"DATABASE_URL": url, "DATA_DIR": str(home), "PATH": os.environ["PATH"], **KEY}
    log = home / "log"
    with installed(environment, home) as install:
        assert install.flask("db", "upgrade") == 0, install.said()
    process = forked.call(seed, ("es",), environment, log)
    assert process.wait() == 0, log.read_text()


@pytest.fixture(scope="module")
def servers(
    valkey_server: str,
    postgres_server: "Postgres",
    smtp_server: Mailbox,
    dovecot_server: Dovecot,
    tmp_path_factory,
) -> Iterator[Servers]:
    """The servers that the rows name."""
    trusted = ("--certificate", str(CERTIFICATES / "trusted.pem"))

    def filled() -> str:
        home = tmp_path_factory.mktemp("filled")
        url = postgres_server.new_database(f"settings_{home.name}")
        fill(url, home)
        return url

    with (
        smtp(*trusted) as starttls,
        smtp(*trusted, "--login", "norte:right") as guarded,
        smtp(*trusted, "--implicit-tls") as tls,
        smtp("--login", "norte:right") as asking,
        dns_server({}) as dns,
    ):
        boxes = (smtp_server, starttls, guarded, tls, asking)
        inbox_url = dovecot_server.account("adios@norte.example").url()
        yield Servers(*boxes, dns.port, inbox_url, valkey_server, filled)


@pytest.mark.parametrize("name", INSTALLS)
def test_it_starts_and_sends_and_every_page_answers(name, servers, template, pages, redis_url):
    row = row_of(name, servers)
    with (
        private_directory() as home,
        installed(environment(home, servers, template, row), home) as it,
    ):
        people = home / "people.csv"
        people.write_text(LIST.format(day=now().date() - timedelta(days=4)))
        assert it.flask("clients", "import", "--now", str(people)) == 0, it.said()
        it.start_all()  # the clock's first round finds the mail
        doctor = it.start_flask("mail", "doctor")
        it.log_in()
        walk(it, pages, LANGUAGES if name == "all of them" else ("es",))
        it.wait_for(lambda: it.states("thank_you") == ["sent"], "the mail")
        assert it.exit_code(doctor) in {0, 1}, it.said()
    assert "Traceback" not in it.said()


def environment(
    home: Path, servers: Servers, template: Path, row: dict[str, str]
) -> dict[str, str]:
    """Return the environment of an install with some settings."""
    data = home / "datos del año"
    data.mkdir()
    always = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(data),
        "REDIS_URL": servers.redis_url,
        **to(servers.plain),
    }
    if "DATABASE_URL" not in row:
        always["DATABASE_URL"] = copy_of(template, data)
    return always | row


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Flask:
    """An app that is asked for its addresses only."""
    before = dict(vars(limiter))  # it belongs to the last app made
    home = tmp_path_factory.mktemp("pages")
    app = create_app(settings_for(f"sqlite:///{home / 'none'}", "redis://localhost:1", home, 1))
    vars(limiter).update(before)
    return app


def walk(it: Install, pages: Flask, languages: tuple[str, ...]) -> None:
    """Open a page of each endpoint that links lead to, and a preview of each mail."""
    previews = [f"/mails/{kind}/{language}/frame" for kind in MailKind for language in languages]
    plain = (rule.rule for rule in of_providers(pages) if not rule.arguments)
    news = (f"/newsletters/{PLANNED}", f"/newsletters/{DRAFT}/schedule")
    others = ("/deliveries?state=sent", *news)
    waiting, seen = [*previews, *others, *plain], set[str]()
    while waiting:
        path = waiting.pop(0)
        endpoint = endpoint_of(pages, path)
        if endpoint is None or (endpoint in seen and path not in previews):
            continue
        status, page = it.get(path)
        assert status == 200, f"{path} answers {status}: {it.said()[-3000:]}"
        seen.add(endpoint)
        waiting += it.links_of(page)
    missed = {rule.endpoint for rule in of_providers(pages)} - seen
    assert missed == NOT_LINKED, f"never opened: {sorted(missed)}"


def endpoint_of(pages: Flask, path: str) -> str | None:
    """Return which view answers a GET of `path`; None when none does."""
    try:
        endpoint, _ = pages.url_map.bind("localhost").match(path.partition("?")[0])
    except (NotFound, MethodNotAllowed, RequestRedirect):
        return None
    return str(endpoint)


def of_providers(pages: Flask) -> list[Rule]:
    """Return the addresses behind the login that answer a GET."""
    return [
        rule
        for rule in pages.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and getattr(pages.view_functions[rule.endpoint], "required_role", None)
    ]
