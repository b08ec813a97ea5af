"""Every stage of SMTP fails under a real worker: no mail is lost, doubled, blamed or stuck.

What each reply means is told in tests/mail; here is what becomes of the rows, and of time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from service.database import reading
from service.extensions import db, queue
from service.models import Breaker, MailState, OutboxMessage, Outcome
from tests.builders import a_contact
from tests.faults.installs import Install, an_install, reckon
from tests.mail.deliveries import a_mail
from tests.mail.scripted_process import ScriptedProcess, scripted_process
from tests.mail.scripted_server import CLOSE, HALF_CLOSE, RESET, STALL, WRONG_CERTIFICATE

CERTIFICATES = Path(__file__).parents[1] / "mail" / "certificates"
LOST = (STALL, RESET, HALF_CLOSE, CLOSE)
OPENING = ("connect", "EHLO", "STARTTLS", "AUTH")
MIDDLE = ("MAIL", "RCPT", "DATA")
MINUTES = timedelta(minutes=2)


@dataclass(frozen=True)
class Scene:
    """A worker under a clock, and the server that it speaks to by TLS and login."""

    install: Install
    smtp: ScriptedProcess

    def plays(self, row_id: int, stage: str) -> None:
        """Wait until the server has been at `stage` and the worker is done with it."""
        before = len(self.smtp.said(stage))
        queue.wake("service.tasks.deliver", [row_id])
        self.install.until(
            lambda: len(self.smtp.said(stage)) > before, f"the worker comes to {stage}"
        )
        self.install.until_at_rest()

    def copies(self, row_id: int) -> int:
        """Return how often the server took this mail."""
        return self.smtp.taken()[now_of(row_id).message_id or ""]

    def ends(self, row_id: int) -> None:
        """Let everything be as usual again, and time pass, until the mail has gone."""
        self.smtp.as_usual()
        self.install.until_all_ended(within=timedelta(minutes=20), step=MINUTES)
        self.install.until_at_rest()  # or the next mail would go over the open connection
        assert now_of(row_id).state is MailState.sent


@pytest.fixture
def scene(settings, session) -> Iterator[Scene]:
    """Such a worker and server."""
    pem = {name: str(CERTIFICATES / f"{name}.pem") for name in ("ca", "trusted", "misnamed")}
    offers = [word for name in ("STARTTLS", "AUTH PLAIN") for word in ("--offer", name)]
    keys = ["--certificate", pem["trusted"], "--wrong-certificate", pem["misnamed"]]
    worker = {
        "MAIL_USE_TLS": "yes",
        "MAIL_USERNAME": "norte",
        "MAIL_PASSWORD": "right",
        "MAIL_TIMEOUT": "2",
        "SSL_CERT_FILE": pem["ca"],
    }
    with (
        scripted_process(*offers, *keys) as smtp,
        an_install(settings, smtp.port, **worker) as install,
    ):
        install.work()
        install.until_ready()
        yield Scene(install, smtp)


def now_of(row_id: int) -> OutboxMessage:
    """Return the row as it stands now."""
    with reading():
        found = db.session.get_one(OutboxMessage, row_id, populate_existing=True)
        db.session.expunge(found)
        db.session.rollback()
    return found


def waits(row_id: int) -> OutboxMessage:
    """Return the row, which is nobody's and waits for another time."""
    found = now_of(row_id)
    assert (found.state, found.lease_owner) == (MailState.queued, None)
    assert found.handing_over_at is None
    return found


def a_due_mail(scene: Scene, **more: object) -> int:
    """Return the id of a mail that is due on the wall of the scene; its hint comes later."""
    due_at = scene.install.wall.now() + timedelta(milliseconds=1)
    with scene.install.wall.seen_here():
        row_id = a_mail(due_at=due_at, **more).id
    db.session.commit()  # reading an id began a transaction, and SQLite lets nobody else write
    return row_id


def no_session(scene: Scene, stage: str, reply: str) -> None:
    """The breaker opens, nobody calls again for now, and no mail is to blame."""
    row_id = a_due_mail(scene)
    never = [*OPENING[OPENING.index(stage) + 1 :], *MIDDLE]
    before = [len(scene.smtp.said(later)) for later in never]
    scene.smtp.answer(stage, reply)
    if stage == "EHLO":
        scene.smtp.answer("HELO", reply)
    scene.plays(row_id, stage)
    found = waits(row_id)
    assert (found.attempts, found.doubts) == (0, 0)
    breaker = db.session.get_one(Breaker, "smtp", populate_existing=True)
    assert breaker.open_until > scene.install.wall.now()
    db.session.rollback()
    assert [len(scene.smtp.said(later)) for later in never] == before, "nothing more is said"
    calls = len(scene.smtp.said("connect"))
    queue.wake("service.tasks.deliver", [row_id])
    scene.install.until_at_rest()
    assert len(scene.smtp.said("connect")) == calls, "an open breaker spares the server"
    scene.ends(row_id)
    assert scene.copies(row_id) == 1


def lost_before_the_mail(scene: Scene, stage: str, how: str) -> None:
    """No attempt is used: it goes out later, without a doubt."""
    row_id = a_due_mail(scene)
    scene.smtp.answer(stage, how)
    scene.plays(row_id, stage)
    found = waits(row_id)
    assert (found.attempts, found.doubts) == (0, 0)
    scene.ends(row_id)
    assert (scene.copies(row_id), now_of(row_id).doubts) == (1, 0)


def refused_for_now(scene: Scene, stage: str, code: int) -> None:
    """It goes out later, having used an attempt."""
    row_id = a_due_mail(scene)
    scene.smtp.answer(stage, f"{code} 4.3.0 later")
    scene.plays(row_id, stage)
    found = waits(row_id)
    assert (found.attempts, found.doubts) == (1, 0)
    assert found.due_at > scene.install.wall.now() + timedelta(seconds=30)
    assert str(code) in found.server_words
    scene.ends(row_id)
    assert (scene.copies(row_id), now_of(row_id).doubts) == (1, 0)


def lost_with_the_mail(scene: Scene, how: str, was_taken: bool) -> None:
    """Nobody can know: it goes once more under the same name, which is as often as it may."""
    row_id = a_due_mail(scene)
    if was_taken:
        scene.smtp.take_and_then(how)
    else:
        scene.smtp.answer("body", how)
    scene.plays(row_id, "body")
    assert waits(row_id).doubts == 1
    scene.ends(row_id)
    assert (scene.copies(row_id), now_of(row_id).doubts) == (1 + was_taken, 1)


def lost_at_the_end(scene: Scene, stage: str, how: str) -> None:
    """A bad goodbye changes nothing about what was taken before it."""
    row_id = a_due_mail(scene)
    scene.smtp.answer(stage, how)
    scene.plays(row_id, stage)
    assert now_of(row_id).state is MailState.sent
    scene.ends(row_id)
    assert (scene.copies(row_id), now_of(row_id).doubts) == (1, 0)


def refused_for_good(scene: Scene, codes: list[int]) -> None:
    """It fails, and nobody asks again, however long one waits."""
    ids = {}
    for code in codes:
        scene.smtp.answer("RCPT", f"{code} no", to=f"no{code}")
        ids[code] = a_due_mail(scene, contact=a_contact(email=f"no{code}@daz.example"))
        scene.plays(ids[code], "RCPT")
    asked = len(scene.smtp.said("RCPT"))
    for code, row_id in ids.items():
        found = now_of(row_id)
        assert (found.state, found.attempts, scene.copies(row_id)) == (MailState.failed, 1, 0), code
        assert found.outcome is Outcome.hard_bounced
    scene.smtp.as_usual()
    for days in (1, 7):
        scene.install.let_time_pass(timedelta(days=days))
    queue.wake("service.tasks.deliver", list(ids.values()))
    scene.install.until_at_rest()
    assert len(scene.smtp.said("RCPT")) == asked


def the_rest_goes(scene: Scene, how: str) -> None:
    """A refusal whose RSET breaks holds nobody else back."""
    refused = a_due_mail(scene, contact=a_contact(email="full@daz.example"))
    other = a_due_mail(scene)
    scene.smtp.answer("RCPT", "450 4.2.2 later", to="full")
    scene.smtp.answer("RSET", how)
    queue.wake("service.tasks.deliver", [refused, other])
    scene.plays(other, "RCPT")
    assert waits(refused).attempts == 1
    scene.ends(other)
    assert (scene.copies(refused), scene.copies(other)) == (1, 1)


def test_no_stage_of_smtp_can_lose_double_or_hold_a_mail(scene):
    no_session(scene, "connect", STALL)
    no_session(scene, "EHLO", RESET)
    no_session(scene, "STARTTLS", WRONG_CERTIFICATE)
    no_session(scene, "AUTH", "535 5.7.8 wrong password")
    lost_before_the_mail(scene, "MAIL", HALF_CLOSE)
    lost_before_the_mail(scene, "RCPT", STALL)
    lost_before_the_mail(scene, "DATA", RESET)
    refused_for_now(scene, "MAIL", 421)
    refused_for_now(scene, "RCPT", 450)
    refused_for_now(scene, "DATA", 451)
    refused_for_now(scene, "body", 452)
    lost_with_the_mail(scene, HALF_CLOSE, was_taken=False)
    lost_with_the_mail(scene, RESET, was_taken=True)
    lost_at_the_end(scene, "QUIT", RESET)
    the_rest_goes(scene, CLOSE)
    reckon(scene.smtp, deaths=2)
    refused_for_good(scene, [550, 552, 554])


@pytest.mark.long
@pytest.mark.parametrize("how", LOST)
def test_any_stage_may_be_lost_in_any_way(scene, how):
    for stage in OPENING:
        no_session(scene, stage, how)
    for stage in MIDDLE:
        lost_before_the_mail(scene, stage, how)
    for was_taken in (False, True):
        lost_with_the_mail(scene, how, was_taken)
    lost_at_the_end(scene, "QUIT", how)
    the_rest_goes(scene, how)
    reckon(scene.smtp, deaths=2)


@pytest.mark.long
def test_any_stage_may_refuse_with_any_code(scene):
    for stage in OPENING[:2]:
        for reply in ("421 busy", "554 no service"):
            no_session(scene, stage, reply)
    for stage, reply in (("STARTTLS", "454 4.7.0 not now"), ("AUTH", "454 4.7.0 not now")):
        no_session(scene, stage, reply)
    for code in (421, 450, 451, 452):
        for stage in (*MIDDLE, "body"):
            refused_for_now(scene, stage, code)
    reckon(scene.smtp, deaths=0)
    refused_for_good(scene, [550, 551, 552, 553, 554])
