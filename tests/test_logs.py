"""What is logged tells what happened, and nobody's address or link."""

import logging

import pytest

from service.config import Settings
from service.logs import MaskingFormatter, masked
from service.models import TeamMember
from service.tokens import Purpose, Signer

TOKEN = Signer(["a key for the tests only"]).sign(Purpose.survey, "0123456789abcdefghijkl")


@pytest.mark.parametrize(
    "line",
    [
        "to=marta@norte.example state=sent",
        "550 5.1.1 <marta@norte.example>: no such user",
        "'ñandú@daz.example' refused",
        "MAIL FROM:<bounce+marta=norte.example@adios.example>",
    ],
)
def test_addresses_are_masked(line):
    assert "norte" not in masked(line)
    assert "daz" not in masked(line)
    assert "…@…" in masked(line)


@pytest.mark.parametrize("place", ["s", "r", "t", "q", "f", "p", "d", "password"])
def test_the_tokens_of_links_are_masked(place):
    for line in (f"GET /{place}/{TOKEN} 200", f"http://localhost/{place}/{TOKEN}?score=9"):
        assert TOKEN not in masked(line)
        assert f"/{place}/…" in masked(line)


def test_every_kind_of_link_that_the_app_gives_is_masked(app):
    for rule in app.url_map.iter_rules():
        if "token" in rule.arguments:
            path = app.url_map.bind("localhost").build(rule.endpoint, {"token": TOKEN})
            assert TOKEN not in masked(path), f"{rule.rule} would be logged"


def test_the_tokens_of_other_programs_are_masked():
    line = masked("Authorization: Bearer hl_0123456789abcdefghij-_klmnopqrstuvwxyz01234567")
    assert line == "Authorization: Bearer hl_…"


def test_what_is_of_no_person_stays_readable():
    line = "delivered outbox=12 kind=thank_you took=31ms /departures/0123456789abcdefghijkl"
    assert masked(line) == line


def test_tracebacks_are_masked_too():
    try:
        raise ValueError("marta@norte.example is unknown")
    except ValueError:
        record = logging.LogRecord("service", 40, "", 1, "failed", (), None)
        record.exc_info = __import__("sys").exc_info()
    said = MaskingFormatter().format(record)
    assert "ValueError" in said
    assert "norte" not in said


def test_secrets_are_not_in_what_objects_say_of_themselves(tmp_path):
    secret = "the password of the mail server"
    settings = Settings.from_environment({"DATA_DIR": str(tmp_path), "MAIL_PASSWORD": secret})
    assert secret not in repr(settings)
    assert "hash" not in repr(TeamMember(password_hash="hash"))
