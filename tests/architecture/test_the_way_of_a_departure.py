"""The way that ARCHITECTURE.md tells of a departure is the one that a real run takes."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import time_machine

from service import scheduler, tasks
from service.extensions import db
from service.models import Role
from service.protocols import jobs as advancing
from tests import builders
from tests.pages import SEEN, send

ROOT = Path(__file__).parents[2]
SERVICE = f"{ROOT / 'service'}/"
FORM = {
    "client": "Bodegas Ruy Díaz",
    "contact_name": "Ana Pérez",
    "email": "ana@ruy.example",
    "language": "es",
    "service": "SEO",
    "end_on": "2026-11-30",
    "notice_on": "2026-11-20",
    "sends_mails": "y",
    "responsible": "",
}


def told() -> list[str]:
    """Return the steps of the table in ARCHITECTURE.md, as `module:function`, in order."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    table = text.partition("| process | file:function |")[2].partition("\n\n")[0]
    steps, module = [], ""
    for step in re.findall(r"`([^`]+)`", table):
        module, function = step.split(":") if ":" in step else (module, step)
        steps.append(f"{module}:{function}")
    return steps


@contextmanager
def traced() -> Iterator[list[str]]:
    """Collect the calls of functions of the service, in order, whatever thread makes them."""
    calls: list[str] = []

    def profile(frame: FrameType, what: str, _argument: Any) -> None:
        code = frame.f_code
        if what == "call" and code.co_filename.startswith(SERVICE):
            module = code.co_filename.removeprefix(SERVICE).removesuffix(".py")
            calls.append(f"{module}:{code.co_qualname}")

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type] # None takes it away again


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_departure_goes_from_its_form_to_the_mail_server_as_architecture_says(
    session, client, mailbox
):
    with time_machine.travel("2026-11-30T11:00:00Z") as clock:  # a Monday, when mails may go
        a_departure_goes(client, mailbox, clock)


def a_departure_goes(client, mailbox, clock):
    builders.a_company(language="en")
    browser = builders.logged_in(client, builders.a_member(role=Role.member, language="en"))
    db.session.commit()
    with traced() as calls:
        assert send(browser, "/departures/new", FORM | SEEN).status_code == 303
        clock.shift(timedelta(hours=1))  # until then it can be undone
        scheduler.tick()
        tasks.advance(advancing.left())
        tasks.deliver([])
    assert mailbox.wait_for(1)
    remaining = iter(calls)
    strayed = [step for step in told() if step not in remaining]
    assert strayed[:1] == [], "it is not called, or not after the step before it"
