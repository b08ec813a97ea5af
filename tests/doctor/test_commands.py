"""`flask mail doctor`: words for a terminal, and an exit code for a script."""

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

from service.extensions import db
from tests.builders import a_company
from tests.dns_server import DnsServer, dns_server
from tests.doctor.test_examinations import ZONE


@pytest.fixture
def dns():
    with dns_server(ZONE) as server:
        yield server


@pytest.fixture
def run(remade, dns: DnsServer, mailbox) -> Callable[..., Result]:
    """Run the command with arguments, as a company that writes from norte.es."""
    changes = {"dns_server": dns.place, "base_url": "https://adios.norte.es:1"}
    a_company(language="en", sender_email="hola@norte.es")
    db.session.commit()
    return lambda *arguments: ask(remade(**changes), *arguments)


def ask(app: Flask, *arguments: str) -> Result:
    """Run the command as this app, whatever other one the test has pushed."""
    with app.app_context():
        return app.test_cli_runner().invoke(args=["mail", "doctor", *arguments])


def test_it_ends_with_0_when_nothing_is_bad_and_says_all_in_words(run, mailbox):
    result = run("--selector", "Mail2026")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("hola@norte.es, through 127.0.0.1:")
    for words in ("GOOD      SPF", "GOOD      DKIM", "WARNING   PIPELINING", "UNKNOWN   Clock"):
        assert words in result.output
    assert "→ In the settings of this service" in result.output
    assert mailbox.messages() == []


def test_it_ends_with_1_when_something_is_bad_and_gives_the_record_to_copy(run, dns):
    dns.zone = {**ZONE, "_dmarc.norte.es": {"TXT": ["hola"]}}
    result = run("--selector", "mail2026")
    assert result.exit_code == 1
    first = result.output.split("\n\n")[1]
    assert first.startswith("BAD       DMARC")
    record = "_dmarc.norte.es  TXT  v=DMARC1; p=none; rua=mailto:hola@norte.es"
    assert first.splitlines()[-1].strip() == record


def test_another_domain_can_be_examined(run, dns):
    result = run("--domain", "Ñandú.ES")
    assert result.exit_code == 1
    assert result.output.startswith("hola@xn--and-6ma2c.es, through ")
    assert ("udp", "_dmarc.xn--and-6ma2c.es", "TXT") in dns.asked


@pytest.mark.parametrize(
    "arguments", [["--domain", "nope"], ["--domain", "a b.es"], ["--selector", "a;b"], ["--what"]]
)
def test_bad_usage_ends_with_2_and_asks_nobody(run, dns, arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert dns.asked == []


def test_a_sender_that_is_no_address_is_said_in_one_line(remade):
    result = ask(remade(mail_default_sender="nobody"))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1


def test_help_has_an_example(app):
    result = app.test_cli_runner().invoke(args=["mail", "doctor", "--help"])
    assert result.exit_code == 0
    assert "Example: flask --app wsgi mail doctor" in result.output
