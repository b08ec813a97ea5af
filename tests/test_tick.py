"""`flask tick`: one round of the clock, or the list of what it would do."""

from datetime import date, time

import pytest
import time_machine
from flask import Flask

from service import named_leases, scheduler
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.mail.policy import suppressions
from service.models import Company, OutboxMessage, SuppressionReason
from tests import builders


@pytest.fixture
def tick(app: Flask):
    """Run the command with arguments."""
    return lambda *arguments: app.test_cli_runner().invoke(args=["tick", *arguments])


@pytest.fixture
def a_farewell(session):
    """A departure that ended on 20 November, recorded on the 2nd, company in Madrid."""
    builders.a_company(language="en")
    with time_machine.travel("2026-11-02T12:00:00Z", tick=False):
        client = builders.a_client(name="Bodegas Ruy")
        contact = builders.a_contact(client=client, name="Ana", email="ana@ruy.example")
        departure = departures.record(contact, Facts(service="SEO", end_on=date(2026, 11, 20)))
        db.session.commit()
    return departure


def test_a_dry_run_tells_who_gets_what_and_changes_nothing(tick, a_farewell):
    with time_machine.travel("2026-11-21T12:00:00Z", tick=False):
        result = tick("--dry-run")

    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "2026-11-03 09:00 | Thank-you | Ana <ana@ruy.example> | Bodegas Ruy"
        " | skipped: Its time had passed before it could go.",
        "2026-11-21 10:00 | Survey | Ana <ana@ruy.example> | Bodegas Ruy | goes",
    ]
    assert db.session.query(OutboxMessage).count() == 0


def test_a_dry_run_can_look_ahead_in_the_time_of_the_provider(tick, a_farewell):
    with time_machine.travel("2026-11-02T12:00:00Z", tick=False):
        assert tick("--dry-run").output == "Nothing is due then.\n"
        assert tick("--dry-run", "--at", "2026-11-03T08:59").output == "Nothing is due then.\n"
        assert "Thank-you" in tick("--dry-run", "--at", "2026-11-03T09:00").output
        assert "Thank-you" in tick("--dry-run", "--at", "2026-11-03T08:00Z").output


def test_a_dry_run_tells_what_then_happens(tick, a_farewell):
    suppressions.add("ana@ruy.example", SuppressionReason.unsubscribed)
    db.session.commit()
    with time_machine.travel("2026-11-02T12:00:00Z", tick=False):
        told = tick("--dry-run", "--at", "2026-11-21T12:00Z").output.splitlines()
    for moment in ("2026-11-03T12:00:00Z", "2026-11-21T12:00:00Z"):
        with time_machine.travel(moment, tick=False):
            assert tick().exit_code == 0

    rows = db.session.query(OutboxMessage).order_by(OutboxMessage.id)
    happened = [(row.state.value, row.skip_reason) for row in rows]
    assert happened == [("queued", None), ("skipped", "suppressed")]
    assert [line.rsplit(" | ")[-1] for line in told] == [
        "goes",
        "skipped: This address gets no mail: it is dead, or they asked for none.",
    ]


def test_a_dry_run_tells_what_goes_only_later_and_why(tick, a_farewell):
    company = db.session.get_one(Company, 1)
    company.business_from, company.business_until = time(16), time(20)
    company.daily_cap = 1
    db.session.commit()
    with time_machine.travel("2026-11-21T12:00:00Z", tick=False):
        assert tick("--dry-run").output.splitlines()[1] == (
            "2026-11-21 10:00 | Survey | Ana <ana@ruy.example> | Bodegas Ruy | waits until "
            "2026-11-21 16:00: It waits for your business hours, by their clock."
        )
    twin = builders.a_contact(name="Ana", email="ana@ruy.example")
    with time_machine.travel("2026-11-21T17:00:00Z", tick=False):
        departures.record(twin, Facts(service="SEO", end_on=date(2026, 11, 20)))
        db.session.commit()
        assert (
            "| waits until 2026-11-22 16:00: One mail of the farewell" in tick("--dry-run").output
        )


def test_a_round_writes_what_is_due_once(tick, a_farewell):
    with time_machine.travel("2026-11-03T12:00:00Z", tick=False):
        assert tick().output == "1 mail is to go. 0 are skipped.\n"
        assert tick().output == "0 mails are to go. 0 are skipped.\n"


def test_a_round_says_so_when_another_clock_is_at_it(tick, a_farewell):
    named_leases.take(scheduler.NAME, "another", scheduler.LEASE)
    db.session.commit()
    result = tick()

    assert result.exit_code == 1
    assert "another clock is at it; only departures were advanced" in result.output


@pytest.mark.parametrize("arguments", [["--at", "2026-11-03"], ["--dry-run", "--at", "mañana"]])
def test_bad_usage_is_said_with_status_2(tick, arguments):
    assert tick(*arguments).exit_code == 2
