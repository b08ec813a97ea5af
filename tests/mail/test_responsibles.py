"""Every mail to a contact is answered to a person: the responsible, else the company's default."""

import pytest

from service.extensions import db
from service.mail.kinds import RULES
from service.mail.rendering.rendering import render
from service.models import Departure, MailKind, OutboxMessage, Role
from service.team.actions import alerts
from tests.builders import a_client, a_company, a_contact, a_member
from tests.mail.mails import a_mail, an_issue, received, text_of

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
TO_CONTACTS = [kind for kind in MailKind if not RULES[kind].to_team]


@pytest.fixture
def owner(session):
    """The first owner, of whom nothing is said anywhere."""
    return a_member(name="Olga Primera")


def a_letter(owner, kind: MailKind = MailKind.thank_you, **named) -> OutboxMessage:
    """A mail to somebody whose departure and client name only whom `named` says."""
    client = a_client(responsible_id=named["client"].id if "client" in named else None)
    row = a_mail(kind, contact=a_contact(client=client), responsible=owner)
    row.sender = None
    if isinstance(row.departure, Departure):
        row.departure.responsible = named.get("departure")
    db.session.flush()
    return row


def who_answers(row: OutboxMessage) -> str:
    """The name of the person whom a reply reaches, and whose name stands in From and below."""
    mail = received(row)
    reader = mail["Reply-To"].addresses[0].display_name
    assert mail["From"].addresses[0].display_name.startswith(reader)
    assert f"\n{reader}\n" in text_of(mail)
    return reader


@pytest.mark.parametrize("kind", [one for one in TO_CONTACTS if one is not MailKind.newsletter])
def test_where_nobody_is_named_the_first_owner_answers(owner, kind):
    a_company()
    a_member(name="Paula Segunda")
    row = a_letter(owner, kind)
    if kind is MailKind.greeting:
        row.departure = None
    assert who_answers(row) == "Olga Primera"


def test_the_one_who_is_named_answers_first_for_the_departure_then_for_the_client(owner):
    a_company(default_responsible_id=owner.id)
    ana, blas = a_member(name="Ana"), a_member(name="Blas")
    assert who_answers(a_letter(owner, departure=ana, client=blas)) == "Ana"
    assert who_answers(a_letter(owner, client=blas)) == "Blas"


def test_whom_the_company_chose_answers_before_its_first_owner(owner):
    a_company(default_responsible_id=a_member(name="Ana", role=Role.member).id)
    assert who_answers(a_letter(owner)) == "Ana"


def test_who_leaves_answers_no_more_not_even_for_mails_that_wait(owner):
    ana, blas = a_member(name="Ana"), a_member(name="Blas", role=Role.member)
    a_company(default_responsible_id=blas.id)
    waiting = a_letter(owner, departure=ana)
    assert who_answers(waiting) == "Ana"
    ana.is_active = False
    db.session.flush()
    assert who_answers(waiting) == "Blas"
    blas.is_active = False
    db.session.flush()
    assert who_answers(waiting) == "Olga Primera"


def test_a_newsletter_that_the_company_signs_is_answered_to_the_clients_responsible(owner):
    a_company()
    ana = a_member(name="Ana")
    row = a_letter(owner, MailKind.newsletter, client=ana)
    row.departure, row.issue_id = None, an_issue().id
    assert received(row)["Reply-To"].addresses[0].display_name == "Ana"
    assert received(row)["From"].addresses[0].display_name == "Estudio Norte"
    assert "Ana" not in text_of(received(row))
    row.sender_id = owner.id
    db.session.flush()
    db.session.expire(row, ["sender"])
    assert who_answers(row) == "Olga Primera"


def test_where_the_team_is_empty_a_mail_promises_no_answer(session):
    a_company()
    row = a_letter(a_member(is_active=False))
    assert render(row).reply_to is None
    assert "responde a este correo" not in text_of(received(row))


def test_alerts_go_to_whoever_the_client_would_reach_by_answering(owner):
    company = a_company()
    ana, blas = a_member(name="Ana", role=Role.member), a_member(name="Blas")
    departure = a_letter(owner).departure
    assert alerts.people_for(departure) == [owner, blas]
    company.default_responsible_id = ana.id
    assert alerts.people_for(departure) == [ana]
    departure.client.responsible_id = blas.id
    assert alerts.people_for(departure) == [blas]
    alert = a_mail(MailKind.alert_new_answer, contact=a_contact(client=departure.client))
    alert.departure.responsible, alert.member = None, blas
    db.session.flush()
    assert "porque llevas la baja de" in text_of(received(alert))
