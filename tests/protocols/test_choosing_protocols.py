"""Which protocol a departure is put on, and that it follows that one's steps as they are now."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from service.clock import now
from service.extensions import db
from service.mail.policy import conditions
from service.models import OutboxMessage, Reason, SkipReason
from service.models.steps import Unit
from service.protocols.actions import enrolments, progress
from service.protocols.rules.built_ins import SURVEY, THANK_YOU
from tests.builders import a_departure, a_protocol


def mails() -> Sequence[OutboxMessage]:
    """What is written down, in order."""
    return db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)).all()


def test_a_departure_is_put_on_the_protocol_whose_rules_fit_it(session):
    everybody = a_protocol(is_default=True, position=1)
    trained = a_protocol(reasons="in_house\nneeds_changed", position=2)
    projects = a_protocol(services="Proyecto web", reasons="other", position=3)

    def put_on(**more: object) -> int | None:
        departure = a_departure(**more)
        return enrolments.enrol(departure).protocol_id

    assert put_on() == everybody.id
    assert put_on(reasons={Reason.in_house, Reason.price}) == trained.id
    assert put_on(service="proyecto  WEB", reasons={Reason.other}) == projects.id
    assert put_on(service="proyecto web") == everybody.id, "both kinds of rule must hold"
    trained.deleted_at = now()
    assert put_on(reasons={Reason.in_house}) == everybody.id


def test_the_steps_of_its_protocol_go_and_no_others(session):
    later = replace(SURVEY, count=1, unit=Unit.months)
    off = replace(THANK_YOU, is_on=False)
    a_protocol(is_default=True, steps=(off, later))
    departure = a_departure()
    enrolment = enrolments.enrol(departure)
    db.session.flush()
    progress.advance([enrolment.id])

    assert mails() == []
    assert enrolment.next_at > now() + timedelta(days=25)


def test_a_mail_whose_step_was_taken_out_of_the_protocol_does_not_go(session):
    protocol = a_protocol(is_default=True)
    departure = a_departure()
    enrolment = enrolments.enrol(departure)
    db.session.flush()
    progress.advance([enrolment.id])
    assert [mail.step for mail in mails()] == ["thank_you", "survey_invitation"]
    protocol.steps = (THANK_YOU,)
    db.session.flush()

    found = conditions.reasons(conditions.rows_of([mail.id for mail in mails()]), now())
    assert list(found.values()) == [SkipReason.step_gone]
