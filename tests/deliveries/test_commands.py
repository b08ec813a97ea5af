"""`flask mail receive`: the pipe of a mail server, with the exit codes that it wants."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from service.deliveries.actions import inbound
from service.extensions import db
from service.models import InboundKind, InboundMail, InboundSource, Outcome
from tests.deliveries.test_inbound import a_sent_mail
from tests.live import environment_of
from tests.mail.coming_in import answer, dsn, verp_of

ROOT = Path(__file__).resolve().parent.parent.parent


def piped(
    settings, mail: bytes, *arguments: str, **more: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command as Postfix does: a process of its own, the mail on standard input."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "mail", "receive", *arguments],
        input=mail,
        cwd=ROOT,
        env={**environment_of(settings, 1), **more},
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_bounce_comes_in_through_the_pipe(bouncing, settings):
    row = a_sent_mail()
    to, mail = verp_of(row), dsn(row, returned="")
    db.session.commit()
    done = piped(settings, mail.replace(b"\r\n", b"\n"), "--recipient", to)

    assert (done.returncode, done.stderr.decode().count("Traceback")) == (0, 0)
    db.session.refresh(row)
    assert row.outcome is Outcome.hard_bounced
    [came] = db.session.scalars(select(InboundMail))
    assert came.source is InboundSource.pipe


def run(app, mail: bytes, *arguments: str):
    return app.test_cli_runner().invoke(args=["mail", "receive", *arguments], input=mail)


def test_a_large_mail_is_read_to_its_end(app):
    assert run(app, b"Subject: large\n\n" + b"a" * 3_000_000).exit_code == 0
    [came] = db.session.scalars(select(InboundMail))
    assert came.excerpt.startswith("aaa")


def test_while_the_database_is_away_the_mail_is_to_be_brought_again(app, monkeypatch):
    def away(*_):
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(inbound, "receive", away)
    done = run(app, answer(None))
    assert (done.exit_code, done.stderr) == (75, "not taken, bring it again: OperationalError\n")


def test_no_mail_is_bad_usage(app):
    assert run(app, b" \n").exit_code == 2


def test_mail_that_nobody_understands_is_kept_all_the_same(app):
    assert run(app, b"\xff\0\xfe nothing").exit_code == 0
    [came] = db.session.scalars(select(InboundMail))
    assert came.kind is InboundKind.unparsed


@pytest.mark.parametrize("words", ["Example:", "deployment/postfix-receive", "master.cf", "75"])
def test_the_help_tells_how_to_set_it_up(app, words):
    assert words in app.test_cli_runner().invoke(args=["mail", "receive", "--help"]).output
