"""/healthz and /readyz: for load balancers and those on call."""

from datetime import timedelta

import redis

from service.clock import now
from service.extensions import db, queue
from service.models import MailKind, MailState
from tests.builders import a_member, added


def a_mail(**more: object):
    from service.models import OutboxMessage

    values = {"key": "a", "kind": MailKind.test_mail, "language": "es", "due_at": now()}
    row = added(OutboxMessage(provider_id=a_member().id, **{**values, **more}))
    db.session.commit()
    return row


def test_a_process_that_lives_says_so(client):
    assert client.get("/healthz").json == {"status": "ok"}


def test_a_service_whose_parts_answer_is_ready(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {
        "status": "ok",
        "database": "ok",
        "redis": "ok",
        "worker": "ok",
        "queue": "ok",
        "queue_age_seconds": 0,
    }


def test_a_mail_that_nobody_takes_is_said_after_ten_minutes(client):
    mail = a_mail(due_at=now() - timedelta(minutes=9))
    assert client.get("/readyz").status_code == 200
    mail.due_at = now() - timedelta(minutes=11)
    db.session.commit()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["queue"]) == (503, "late")
    assert 660 <= answer.json["queue_age_seconds"] <= 720


def test_mails_of_tomorrow_and_mails_that_went_make_no_queue(client):
    a_mail(due_at=now() + timedelta(days=1))
    a_mail(key="b", due_at=now() - timedelta(days=1), state=MailState.sent)
    assert client.get("/readyz").json["queue_age_seconds"] == 0


def test_redis_away_is_said(client, monkeypatch):
    monkeypatch.setattr(queue.jobs, "connection", redis.Redis.from_url("redis://127.0.0.1:1"))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["redis"]) == (503, "away")


def test_a_database_away_is_said_and_the_process_still_lives(remade, tmp_path):
    lost = remade(database_url=f"sqlite:///{tmp_path / 'no such directory' / 'a.sqlite3'}")
    with lost.app_context():
        client = lost.test_client()
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json["database"]) == (503, "away")
        assert client.get("/healthz").status_code == 200


def test_no_cache_keeps_how_the_parts_are(client):
    assert client.get("/readyz").headers["Cache-Control"] == "no-store"
