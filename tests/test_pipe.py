"""What a mail server starts per mail: it keeps the mail, quickly, and a worker reads it."""

import subprocess
import sys

import pytest
from sqlalchemy import func, select

from service import scheduler, tasks
from service.deliveries import jobs as receiving
from service.deliveries.actions import inbound
from service.extensions import db, queue
from service.models import InboundArrival, InboundMail, InboundSource, Outcome
from tests.deliveries.test_inbound import a_sent_mail
from tests.live import ROOT, environment_of
from tests.mail.coming_in import answer, dsn, verp_of


def piped(settings, mail: bytes, *recipients: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run it as Postfix does: a process of its own, the mail on standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "service.pipe", "--", *recipients],
        input=mail,
        cwd=ROOT,
        env={**environment_of(settings, 1), **more},
        capture_output=True,
        timeout=60,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, "", done.stderr.decode())


def arrivals() -> int:
    return db.session.scalar(select(func.count(InboundArrival.id)))


def a_piped_bounce(settings):
    """Return the mail of ours that somebody's server says it could not deliver."""
    row = a_sent_mail()
    to, mail = verp_of(row), dsn(row, returned="").replace(b"\r\n", b"\n")
    db.session.commit()
    assert piped(settings, mail, to).returncode == 0
    return row


def test_a_bounce_is_kept_and_a_worker_reads_it(bouncing, settings):
    row = a_piped_bounce(settings)
    assert (row.outcome, arrivals()) == (None, 1)
    db.session.commit()

    tasks.read_arrivals()
    db.session.refresh(row)
    assert (row.outcome, arrivals()) == (Outcome.hard_bounced, 0)
    assert db.session.scalars(select(InboundMail.source)).all() == [InboundSource.pipe]


def test_the_clock_wakes_a_worker_for_what_arrived(bouncing, settings):
    a_piped_bounce(settings)
    db.session.commit()
    scheduler.tick()

    assert [job.func_name for job in queue.jobs.jobs] == ["service.tasks.read_arrivals"]


def test_one_that_nobody_can_take_stays_and_holds_up_none_behind_it(
    bouncing, settings, monkeypatch
):
    row = a_piped_bounce(settings)
    mails = b"Subject: poison\n\nx", answer(row)
    db.session.commit()
    for mail in mails:
        assert piped(settings, mail).returncode == 0
    take = receiving.take

    def raises_for_poison(octets: bytes, *more):
        if b"poison" in octets:
            raise RuntimeError("unreadable")
        return take(octets, *more)

    monkeypatch.setattr(receiving, "take", raises_for_poison)
    assert receiving.read_arrivals() == 2
    assert b"poison" in db.session.scalars(select(InboundArrival)).one().octets


def test_the_same_mail_twice_counts_once(bouncing, settings):
    mail = answer(a_sent_mail())
    db.session.commit()
    for _time in range(2):
        assert piped(settings, mail).returncode == 0
    assert receiving.read_arrivals() == 2
    assert db.session.scalar(select(func.count(InboundMail.id))) == 1


def test_while_the_database_goes_away_what_arrived_stays(bouncing, settings, monkeypatch):
    a_piped_bounce(settings)
    db.session.commit()

    def away(*_):
        raise receiving.OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(inbound, "receive", away)
    with pytest.raises(receiving.OperationalError):
        receiving.read_arrivals()
    assert arrivals() == 1


def test_a_large_mail_is_read_to_its_end_and_kept_to_the_limit(app, settings):
    assert piped(settings, b"Subject: large\n\n" + b"a" * 3_000_000).returncode == 0
    assert db.session.scalar(select(func.length(InboundArrival.octets))) == 1024 * 1024


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}, "OperationalError"),
        ({"DATABASE_URL": "sqlite:////nonexistent/there"}, "OperationalError"),
        ({"MAIL_PORT": "many"}, "SettingError"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"])
def test_what_cannot_be_kept_is_to_be_brought_again(app, settings, more, error):
    done = piped(settings, answer(None), **more)

    assert (done.returncode, done.stderr) == (75, f"not taken, bring it again: {error}\n")


@pytest.mark.parametrize("database", ["sqlite"])
def test_nothing_on_standard_input_is_no_mail(app, settings):
    assert piped(settings, b" \n").returncode == 75


def test_it_starts_without_the_application():
    heavy = "{'flask', 'sqlalchemy', 'alembic', 'redis', 'rq', 'forms', 'wtforms', 'jinja2', 'PIL'}"
    code = (
        "import sys, service.pipe\n"
        f"print(sorted(name for name in sys.modules if name.split('.')[0] in {heavy}))\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] == 'service'))"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    light = ["service", "service.config", "service.pipe", "service.private_files"]
    assert said.stdout.splitlines() == ["[]", str(light)]
