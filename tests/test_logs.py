"""What is logged tells what happened, and nobody's address or link."""

import io
import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from service.config import Settings
from service.logs import mask_everything, masked
from service.models import TeamMember
from service.tokens import Purpose, Signer
from tests.live import ROOT

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


@pytest.mark.parametrize("text", [TOKEN, f"'{TOKEN}'", f"token={TOKEN}&a=b", f'["{TOKEN}"]'])
def test_a_token_without_its_link_is_masked(text):
    assert TOKEN not in masked(text)
    assert TOKEN.partition(".")[0] not in masked(text)


def test_an_address_in_a_query_is_masked():
    assert "marta" not in masked("GET /login?email=marta%40norte.example 200")


def fail() -> None:
    raise ValueError(f"marta@norte.example at /s/{TOKEN} is unknown")


@pytest.fixture
def secretive() -> Iterator[None]:
    """This process masks its records as those of the service do."""
    before = logging.getLogRecordFactory()
    mask_everything()
    yield
    logging.setLogRecordFactory(before)


@pytest.mark.parametrize(
    "name",
    ["gunicorn.error", "gunicorn.access", "werkzeug", "rq.worker", "service.app", "to.come", None],
)
def test_every_logger_masks_whatever_its_handlers_are(secretive, name):
    logger, said = logging.getLogger(name), io.StringIO()
    handlers = [logging.StreamHandler(said), logging.StreamHandler(said)]
    for handler in handlers:
        logger.addHandler(handler)
    try:
        logger.error("to %s at %s", "marta@norte.example", f"/s/{TOKEN}", stack_info=True)
        try:
            fail()
        except ValueError:
            logger.exception("no")
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
    assert said.getvalue().count("ValueError: …@… at /s/… is unknown") == 2
    assert said.getvalue().count("to …@… at /s/…\n") == 2
    assert "norte" not in said.getvalue()
    assert TOKEN not in said.getvalue()


@pytest.mark.parametrize("how", ["fail()", "Thread(target=fail).start()"])
def test_what_python_says_of_an_uncaught_exception_is_masked(how):
    code = f"""
from threading import Thread
from service import logs
from tests.test_logs import fail
logs.configure()
{how}
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "ValueError: …@… at /s/… is unknown" in ran.stderr
    assert "norte" not in ran.stderr


def test_nobody_makes_records_that_are_not_masked():
    bypass = re.compile("setLogRecordFactory|makeLogRecord|print_exc")
    files = [*(ROOT / "service").rglob("*.py"), *ROOT.glob("*.py")]
    found = {path.name for path in files if bypass.search(path.read_text())}
    assert found == {"logs.py"}


def test_secrets_are_not_in_what_objects_say_of_themselves(tmp_path):
    secret = "the password of the mail server"
    settings = Settings.from_environment({"DATA_DIR": str(tmp_path), "MAIL_PASSWORD": secret})
    assert secret not in repr(settings)
    assert "hash" not in repr(TeamMember(password_hash="hash"))
