"""Workers that do not come up: noticed, told on every page that asks, and by mail without them."""

from datetime import timedelta

import pytest
import redis
from sqlalchemy import select

import worker
from service import scheduler
from service.clock import now
from service.deliveries.actions import troubles
from service.extensions import db
from service.mail.delivery import health, warming, worker_starts
from service.mail.delivery.health import TroubleKind
from service.models import MailKind, MailState, OutboxMessage, WorkerStart
from tests import forked
from tests.builders import a_company, a_member, added, logged_in
from tests.live import environment_of
from tests.mail.rows import ago

KEYLESS = "ValueError: no key"


def some_starts(*ends: str, minutes: int = 10) -> None:
    """Add starts of so many minutes ago, the first first: "ready", "killed", or an error."""
    for end in ends:
        began_at = ago(minutes=minutes)
        is_error = end not in {"ready", "killed"}
        added(
            WorkerStart(
                host="norte",
                began_at=began_at,
                ready_at=began_at + timedelta(seconds=1) if end == "ready" else None,
                error=end if is_error else "",
            )
        )
    db.session.commit()


def what_is_wrong() -> list[TroubleKind]:
    assert [trouble.kind for trouble in health.check(now()).troubles] == [
        trouble.kind for trouble in health.troubles(now())
    ]
    return [trouble.kind for trouble in health.troubles(now())]


@pytest.mark.parametrize(
    "ends",
    [
        [],
        ["ready"],
        [KEYLESS, KEYLESS],
        [KEYLESS, KEYLESS, "ready", KEYLESS, KEYLESS],
        [KEYLESS, KEYLESS, KEYLESS, "ready"],
    ],
    ids=["none yet", "one is up", "two failed", "two failed twice", "it came up in the end"],
)
def test_fewer_than_three_failed_starts_in_a_row_are_no_trouble(session, ends):
    some_starts(*ends)
    assert what_is_wrong() == []


@pytest.mark.parametrize("end", [KEYLESS, "killed"])
def test_three_failed_starts_in_a_row_are_trouble(session, end):
    some_starts("ready", end, end, end)
    assert what_is_wrong() == [TroubleKind.worker]
    (trouble,) = health.troubles(now())
    assert (trouble.count, trouble.words) == (3, "" if end == "killed" else KEYLESS)


def test_workers_that_are_just_starting_have_not_failed(session):
    some_starts("killed", "killed", "killed", minutes=0)
    assert what_is_wrong() == []


def test_starts_of_the_day_before_yesterday_say_nothing_and_are_forgotten(session):
    some_starts(KEYLESS, KEYLESS, KEYLESS, minutes=60 * 24 * 3)
    assert what_is_wrong() == []
    worker_starts.begin()
    assert db.session.query(WorkerStart).count() == 1


def test_ready_wins_over_whatever_ends_the_worker_later(session):
    start = worker_starts.begin()
    worker_starts.came_up(start)
    worker_starts.broke(start, ValueError("later"))
    worker_starts.forget(start)
    assert db.session.scalars(select(WorkerStart.error)).all() == [""]


def test_an_error_is_kept_in_one_line(session):
    start = worker_starts.begin()
    worker_starts.broke(start, ValueError("no key\nand much more"))
    assert db.session.scalars(select(WorkerStart.error)).all() == [KEYLESS]


def test_the_first_page_the_mails_and_readyz_and_the_metrics_say_it(client):
    a_company()
    logged_in(client, a_member(language="en"))
    some_starts(KEYLESS, KEYLESS, KEYLESS)
    for page in ("/", "/deliveries"):
        text = client.get(page).text
        assert "A worker does not start." in text
        assert KEYLESS in text
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["worker"]) == (503, "does not start")
    assert "hasta_luego_worker_failed_starts 3.0" in client.get("/metrics").text


def test_the_owner_hears_of_it_by_mail_though_no_worker_runs(session, mailbox):
    a_company(language="en")
    owner = a_member(language="en")
    some_starts(KEYLESS, KEYLESS, KEYLESS)
    scheduler.tick()
    (mail,) = mailbox.wait_for(1)
    assert mail.rcpt_tos == [owner.email]
    assert mail.message["Subject"] == "A mail worker does not start"
    scheduler.tick()  # told once a day, not once a round
    assert len(mailbox.messages()) == 1


def test_an_alert_that_finds_no_mail_server_waits_for_the_next_round(session, app):
    a_company()
    a_member()
    some_starts(KEYLESS, KEYLESS, KEYLESS)
    state = app.extensions["mail"]
    before, state.port = state.port, 1
    scheduler.tick()
    state.port = before
    (mail,) = db.session.scalars(select(OutboxMessage))
    assert (mail.kind, mail.state) == (MailKind.alert_mail_trouble, MailState.queued)
    mail.due_at = ago(minutes=1)
    db.session.commit()
    assert troubles.without_a_worker() == [mail.id]


def test_warming_that_fails_is_logged_and_stops_nothing(app, monkeypatch, caplog):
    def broken() -> None:
        raise AttributeError("a sample that is not whole")

    monkeypatch.setattr(warming, "warm", broken)
    worker.warm()
    (record,) = [record for record in caplog.records if record.msg == "warming_failed"]
    assert (record.levelname, record.exc_info[0]) == ("ERROR", AttributeError)


@pytest.mark.slow
def test_a_worker_that_redis_lets_only_ping_writes_down_why_it_did_not_come_up(
    settings, session, redis_url, tmp_path
):
    with redis.Redis.from_url(redis_url) as server:
        server.acl_setuser("weak", enabled=True, passwords=["+weak"], commands=["+ping"])
    environment = environment_of(settings, 1)
    environment["REDIS_URL"] = redis_url.replace("unix://", "unix://weak:weak@")
    for _ in range(3):
        assert forked.start(["worker.py"], environment, tmp_path / "log").wait() != 0
    (trouble,) = health.troubles(now())
    assert (trouble.kind, trouble.count) == (TroubleKind.worker, 3)
    assert trouble.words.startswith("NoPermissionError: ")
