"""/metrics: true figures for whoever may read them, and nothing for anybody else."""

from dataclasses import replace
from datetime import timedelta

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from service.clock import now
from service.extensions import db, queue
from service.models import MailState, Outcome, RateBucket
from tests.builders import added
from tests.mail.rows import a_failing_server, ago, some_mails


@pytest.fixture
def with_token(app):
    """Give the app of the test a METRICS_TOKEN."""
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, metrics_token="a long secret")
    yield "a long secret"
    app.extensions["settings"] = before


def figures(client) -> dict[str, float]:
    """What a Prometheus on this machine reads, as it parses it."""
    db.session.commit()
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        sample.name + ",".join(sorted(sample.labels.values(), reverse=True)): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_mails_are_told_by_what_we_did_with_them(client, session):
    some_mails(2, MailState.queued, due_at=ago(minutes=4))
    some_mails(1, MailState.queued, due_at=now() + timedelta(days=1))
    some_mails(3, MailState.failed, outcome=Outcome.hard_bounced, outcome_at=now())
    some_mails(4, MailState.uncertain)
    some_mails(5, MailState.sent, ended_at=ago(hours=2))
    found = figures(client)
    for state, count in {"due": 2, "waiting": 3, "failed": 3, "uncertain": 4, "sending": 0}.items():
        assert found[f"hasta_luego_mails{state}"] == count
    assert found["hasta_luego_mails_endedsent,hour"] == 0
    assert found["hasta_luego_mails_endedsent,day"] == 5
    assert found["hasta_luego_mails_endedhour,came_back"] == 3
    assert 240 <= found["hasta_luego_mail_lag_seconds"] < 300


def test_a_server_that_is_away_and_domains_that_are_slowed_are_told(client, session):
    assert figures(client)["hasta_luego_mail_breaker_open"] == 0
    a_failing_server(ago(minutes=1))
    added(RateBucket(name="domain:slow.example", next_at=now(), slower=1, slower_at=now()))
    found = figures(client)
    assert found["hasta_luego_mail_breaker_open"] == 1
    assert found["hasta_luego_mail_slowed_domains"] == 1


def test_hints_that_nobody_took_up_are_told(client, session):
    queue.jobs.connection.flushall()
    queue.wake("service.tasks.deliver", [1])
    assert figures(client)["hasta_luego_queue_hints"] == 1


def test_redis_away_is_a_figure_too(client, session, monkeypatch):
    monkeypatch.setattr(queue.jobs, "connection", redis.Redis.from_url("redis://127.0.0.1:1"))
    found = figures(client)
    assert (found["hasta_luego_upredis"], found["hasta_luego_updatabase"]) == (0, 1)
    assert "hasta_luego_queue_hints" not in found


def test_a_database_away_is_a_figure_too(remade, tmp_path):
    lost = remade(database_url=f"sqlite:///{tmp_path / 'no such directory' / 'a.sqlite3'}")
    with lost.app_context():
        answer = lost.test_client().get("/metrics")
    assert answer.status_code == 200
    assert 'hasta_luego_up{part="database"} 0.0' in answer.text
    assert "hasta_luego_mails" not in answer.text


def test_no_cache_keeps_them_and_openmetrics_is_spoken_when_asked_for(client):
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_without_a_token_this_machine_may_read(client, address):
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code == 200


@pytest.mark.parametrize("address", ["203.0.113.9", "10.0.0.1", "2001:db8::1", "", "unix:"])
def test_without_a_token_nobody_else_may(client, address):
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code == 404


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Proto"]
)
def test_a_proxy_on_this_machine_does_not_make_everybody_local(client, header):
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404


def test_behind_a_trusted_proxy_the_visitor_counts_and_not_the_proxy(remade):
    behind = remade(trusted_proxies=1)
    with behind.app_context():
        client = behind.test_client()
        for said in ("203.0.113.9", "127.0.0.1, 203.0.113.9", "127.0.0.1"):
            answer = client.get("/metrics", headers={"X-Forwarded-For": said})
            assert answer.status_code == 404


def test_with_a_token_only_the_token_counts(client, with_token):
    def asked_with(authorization: str) -> int:
        headers = {"Authorization": authorization, "X-Forwarded-For": "203.0.113.9"}
        return client.get("/metrics", headers=headers).status_code

    assert asked_with(f"Bearer {with_token}") == 200
    for wrong in ("", "Bearer", "Bearer ", with_token, f"Bearer {with_token}x", "Bearer ñ"):
        assert asked_with(wrong) == 404
    assert client.get("/metrics").status_code == 404
