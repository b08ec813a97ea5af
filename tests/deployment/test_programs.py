"""What the units and the Procfile start is a whole service, and ends as it is told to."""

import json
import os
import subprocess
from collections import Counter
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from sqlalchemy import create_engine, inspect, select

from service.clock import now, today
from service.config import Settings
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.models import OutboxMessage
from tests.builders import a_company, a_contact, a_member
from tests.conftest import settings_for
from tests.deployment.programs import (
    Program,
    Running,
    filled_in,
    from_procfile,
    from_units,
    running,
)
from tests.live import free_port
from tests.mailboxes import Mailbox
from tests.processes import wait_until

DEPARTURES = 5
on_postgresql = pytest.mark.parametrize("database", ["postgresql"])


def where_it_is_noon() -> str:
    """Return a zone in whose hours nobody minds a mail."""
    return f"Etc/GMT{now().hour - 12:+d}"


def people_leave() -> None:
    """Record departures that owe one mail each: the thank-you, of yesterday morning."""
    zone = where_it_is_noon()
    a_company(time_zone=zone)
    facts = Facts(service="SEO", notice_on=today(zone) - timedelta(days=2))
    for _number in range(DEPARTURES):
        departures.record(a_contact(), facts, by=a_member())
    db.session.commit()


def is_ready(web: Running, port: int) -> dict[str, object]:
    """Return what /readyz says, once it answers."""

    def ask() -> dict[str, object]:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return json.load(answer)

    return wait_until(ask, web.process, web.log)


def named(programs: list[Program], *names: str) -> list[Program]:
    return [next(program for program in programs if program.name == name) for name in names]


def deliver(programs: list[Program], settings: Settings, mailbox: Mailbox) -> None:
    """Run `programs`, a web server first, until all mails are out, and tell them to end."""
    port = free_port()
    with running(programs, filled_in(settings, port)) as started:
        web, *others = started
        assert is_ready(web, port)["database"] == "ok"
        assert listening(port) == {"0100007F"}  # 127.0.0.1: this machine alone
        mailbox.wait_for(DEPARTURES, 40)
        for one in others:
            wait_until(lambda one=one: one.said().index("_ready "), one.process, one.log)
        for one in started:
            one.tell_to_end()
        assert {one.exit_code() for one in started} == {0}


def listening(port: int) -> set[str]:
    """Return the IPv4 addresses, as the kernel writes them, that somebody listens on at `port`."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    places = [words[1].split(":") for words in lines if words[3] == "0A"]
    return {address for address, number in places if int(number, 16) == port}


def test_the_web_server_of_the_procfile_listens_where_it_is_told():
    [web] = named(from_procfile(), "web")
    line = web.command[-1].replace("gunicorn", "echo")
    for more, place in (({}, "127.0.0.1:8000"), ({"WEB_HOST": "0.0.0.0"}, "0.0.0.0:8000")):
        environment = {"PATH": os.environ["PATH"], "PORT": "8000", **more}
        said = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True)
        assert said.stdout.split()[-1] == place


@on_postgresql
def test_two_workers_and_two_clocks_of_the_units_deliver_each_mail_once(settings, session, mailbox):
    people_leave()
    programs = named(from_units(), "web", "worker", "worker", "clock", "clock")
    deliver(programs, settings, mailbox)

    assert_each_came_once(mailbox)


@on_postgresql
def test_the_lines_of_the_procfile_make_a_service(settings, session, mailbox):
    people_leave()
    deliver(named(from_procfile(), "web", "worker", "clock"), settings, mailbox)

    assert_each_came_once(mailbox)


def assert_each_came_once(mailbox: Mailbox) -> None:
    owed = db.session.scalars(select(OutboxMessage.message_id)).all()
    assert len(owed) == DEPARTURES
    copies = Counter(mail.message["Message-ID"] for mail in mailbox.messages())
    assert copies == dict.fromkeys(owed, 1)


def test_a_release_of_the_procfile_makes_the_tables(postgres_server, tmp_path):
    url = postgres_server.new_database(f"release_{tmp_path.name}")
    settings = settings_for(url, "redis://127.0.0.1:1", tmp_path, mail_port=1)
    with running(named(from_procfile(), "release"), filled_in(settings, 8000)) as (release,):
        assert release.process.wait(60) == 0
    engine = create_engine(url)
    assert "outbox" in inspect(engine).get_table_names()
    engine.dispose()
