"""The database stopped, crashed or locked while mails go out and clients answer."""

import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.engine import make_url

from service.extensions import db
from tests.faults.installs import Install, an_install, open_mails, reckon, states
from tests.faults.people import Person, comments, invited
from tests.mail.deliveries import mails
from tests.mail.scripted_process import ScriptedProcess, scripted_process
from tests.servers import SAFE, postgres

ENDS = {signal.SIGINT: 6, signal.SIGQUIT: 18}  # closed or crashed, after so many mails
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def taken(smtp: ScriptedProcess, count: int, install: Install) -> None:
    """Wait until the SMTP server took so many mails."""
    install.until(lambda: smtp.taken().total() >= count, f"{count} mails go out")


def is_kept_or_kindly_refused(person: Person, install: Install) -> int:
    """Let a client answer; a refusal has to give back what was typed. Return the status."""
    page = person.answers(install.url)
    assert page.status in {303, 503}, page.text
    if page.status == 503:
        assert person.words in page.text
    return page.status


@on_postgresql
def test_a_database_that_stops_and_one_that_crashes_cost_no_mail_and_no_answer(
    remade, settings, session
):
    with (
        postgres(SAFE) as server,
        scripted_process(RCPT=0.03, body=0.06) as smtp,
        remade(database_url=server.new_database("own")).app_context() as context,
    ):
        db.create_all()
        install_settings = context.app.extensions["settings"]
        with an_install(install_settings, smtp.port) as install:
            people = invited(3)
            install.work(2)
            install.tick()
            install.serve()
            mails(40)
            db.session.remove()
            for person, (how, count) in zip(people, ENDS.items(), strict=False):
                taken(smtp, count, install)
                server.stop(how)
                assert is_kept_or_kindly_refused(person, install) == 503
                server.start()
                assert is_kept_or_kindly_refused(person, install) == 303
            assert is_kept_or_kindly_refused(people[2], install) == 303
            install.until_all_ended()
            assert comments() == sorted(person.words for person in people)
            assert states().total() == 40 + 2 * len(people)
            reckon(smtp, deaths=2 * len(install.workers))
        db.session.remove()
        db.engine.dispose()


@on_sqlite
def test_a_database_that_is_locked_for_ten_seconds_costs_no_mail_and_no_answer(settings, session):
    with (
        scripted_process(RCPT=0.03, body=0.06) as smtp,
        an_install(settings, smtp.port) as install,
        ThreadPoolExecutor(1) as elsewhere,
    ):
        (person,) = invited(1)
        install.work()
        install.tick()
        install.serve()
        mails(20)
        taken(smtp, 4, install)
        holder = sqlite3.connect(make_url(settings.database_url).database, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        until = time.monotonic() + 10.2
        pressed = elsewhere.submit(is_kept_or_kindly_refused, person, install)
        assert person.opens(install.url).status == 200
        install.until(lambda: time.monotonic() > until, "ten seconds pass")
        holder.rollback()
        holder.close()
        if pressed.result() == 503:
            assert comments() == []
            assert is_kept_or_kindly_refused(person, install) == 303
        assert comments() == [person.words]
        install.until_all_ended()
        assert open_mails() == 0
        assert states().total() == 22
        reckon(smtp, deaths=len(install.workers))
