"""A sender is never idle for want of a mail, and what is claimed early keeps every promise."""

from datetime import timedelta

import pytest

from service.clock import now
from service.extensions import db
from service.mail.delivery import delivery, leases, prepared
from service.mail.delivery.prefetch import PrefetchQueue
from service.mail.delivery.prepared import PreparedMessage
from service.mail.delivery.sender import Sender
from service.mail.policy import conditions
from service.models import MailKind, MailState
from tests.builders import a_company, a_contact, a_response, an_invitation
from tests.mail.deliveries import a_mail, mails, speaking_to, state_of
from tests.mail.test_business_hours import an_asked, at  # noqa: F401


def a_prefetch_queue(held: leases.Leases, ids: list[int], goes_on: bool = False) -> PrefetchQueue:
    return PrefetchQueue(ids, goes_on, held, lambda: True)


class OneByOne(PrefetchQueue):
    """A source without what serves speed: it prepares a mail when the sender asks for it."""

    def take_at_hand(self) -> PreparedMessage | None:
        return None

    def work(self) -> bool:
        return False


def test_a_sender_needs_nothing_of_its_source_but_the_next_mail(session):
    ids = mails(30)
    db.session.commit()
    with speaking_to(EHLO="250-scripted.test\r\n250 PIPELINING") as server:
        assert Sender(lambda *of: OneByOne(ids, False, *of)).send_due()
    assert {state_of(row_id) for row_id in ids} == {MailState.sent}
    assert (server.connections, len(server.mails)) == (1, 30)


def test_while_a_sender_waits_the_next_claim_is_made_before_the_last_mail_is_gone(session):
    ids = mails(30)
    with leases.leasing() as held:
        prefetch = a_prefetch_queue(held, ids)
        for _ in range(20):
            prefetch.take()
        while prefetch.work():
            pass
        at_hand = [message.row_id for message in prefetch.prepared]
        claimed = [row_id for row_id in ids if state_of(row_id) is MailState.sending]
        db.session.rollback()  # SQLite lets nobody else write while this one may
    assert at_hand == ids[20:30]
    assert claimed == ids
    assert {state_of(row_id) for row_id in ids} == {MailState.queued}  # all are given back


def test_an_urgent_mail_goes_before_what_is_at_hand_already(session):
    ids = mails(25)
    with leases.leasing() as held:
        prefetch = a_prefetch_queue(held, ids)
        for _ in range(21):
            prefetch.take()
        row = a_mail(MailKind.survey_resume)
        a_response(invitation=an_invitation(departure=row.departure))
        urgent = row.id
        db.session.commit()
        while prefetch.work():
            pass
        first = prefetch.take()
    assert first is not None
    assert first.row_id == urgent


def test_what_goes_wrong_while_a_mail_is_on_its_way_ends_the_work_after_that_mail(
    session, monkeypatch
):
    def breaks(_ids):
        raise RuntimeError("the database is away")

    ids = mails(25)
    with leases.leasing() as held:
        prefetch = a_prefetch_queue(held, ids, goes_on=True)
        for _ in range(21):
            prefetch.take()
        later = mails(2)
        monkeypatch.setattr(conditions, "rows_of", breaks)
        while prefetch.work():
            pass
        with pytest.raises(RuntimeError):
            prefetch.take()
    assert {state_of(row_id) for row_id in later} == {MailState.queued}


def test_the_cap_counts_what_the_same_sender_has_at_hand_from_its_claim_before(session, at):  # noqa: F811
    a_company(daily_cap=1)
    contact = a_contact(email="ana@daz.example")
    ids = [an_asked(contact, due_at=now() - timedelta(hours=hours)).id for hours in (1, 2)]
    db.session.commit()
    with leases.leasing() as held:
        first = prepared.draft(held, held.take(1, ids[:1]))
        assert [one.row_id for one in first] == ids[:1]
        assert prepared.draft(held, held.take(1, ids[1:])) == []  # though it is due for longer


def test_a_server_that_answers_slowly_gets_the_same_mails_in_the_same_order(session):
    ids = mails(40)
    with speaking_to(EHLO="250-scripted.test\r\n250 PIPELINING") as server:
        delivery.deliver(ids)
    assert {state_of(row_id) for row_id in ids} == {MailState.sent}
    assert (server.connections, len(server.mails)) == (1, 40)
