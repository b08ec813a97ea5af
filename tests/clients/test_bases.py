"""Who is a client and who was one: the basis follows the departures, in one transaction."""

from datetime import timedelta

import pytest

from service.clients.actions import bases, clients
from service.clock import now, today
from service.deliveries.actions import inbound
from service.departures.actions import departures, talk_requests
from service.departures.actions.departures import Facts
from service.departures.actions.talk_requests import TalkDetails
from service.models import Basis, Contact, InboundSource, MailKind, Stage
from service.surveys.actions import responses
from service.surveys.actions.responses import Answers
from tests import builders
from tests.imports.carrying import imported
from tests.mail.coming_in import answer
from tests.mail.mails import a_mail

DAY = timedelta(days=1)
MACHINE = {"Auto-Submitted": "auto-replied"}


@pytest.fixture
def ana(session):
    builders.a_company()
    ana = builders.a_contact()
    bases.recount([ana.client_id])
    return ana


def the_day():
    return today("Europe/Madrid")


def recorded(ana, **facts):
    return departures.record(ana, Facts(**facts))


def test_a_client_without_a_departure_is_no_former_client(ana):
    assert (ana.basis, ana.left_on) == (Basis.contract, None)


def test_a_departure_makes_former_clients_of_all_its_people_from_the_end_on(ana):
    colleague = builders.a_contact(client=ana.client)
    recorded(ana, notice_on=the_day(), end_on=the_day() + 30 * DAY)
    for contact in (ana, colleague):
        assert (contact.basis, contact.left_on) == (
            Basis.legitimate_interest,
            the_day() + 30 * DAY,
        )


def test_without_an_end_the_notice_counts_and_the_end_does_once_it_is_known(ana):
    departure = recorded(ana, notice_on=the_day() - 5 * DAY)
    assert ana.left_on == the_day() - 5 * DAY
    departures.change(departure, {"end_on": the_day() + DAY}, by=builders.a_member())
    assert ana.left_on == the_day() + DAY


@pytest.mark.parametrize("stage", [Stage.retained, Stage.returned])
def test_who_stays_or_comes_back_is_a_client_again(ana, stage):
    departure, marta = recorded(ana, end_on=the_day()), builders.a_member()
    departures.move(departure, stage, was=Stage.notice, by=marta)
    assert (ana.basis, ana.left_on) == (Basis.contract, None)
    departures.move(departure, Stage.closed, was=stage, by=marta)
    assert (ana.basis, ana.left_on) == (Basis.legitimate_interest, the_day())


def test_a_departure_taken_back_never_was(ana):
    departures.remove(recorded(ana, notice_on=the_day()))
    assert (ana.basis, ana.left_on) == (Basis.contract, None)


def test_somebody_added_to_a_former_client_is_one_too(ana):
    recorded(ana, end_on=the_day())
    values = {"name": "Noa", "email": "noa@daz.example", "language": "es"}
    noa = clients.add_contact(ana.client, values)
    assert (noa.basis, noa.left_on) == (Basis.legitimate_interest, the_day())


def test_another_client_is_not_touched(ana):
    other = builders.a_contact()
    recorded(ana, end_on=the_day())
    assert (other.basis, other.left_on) == (Basis.contract, None)


def test_a_list_says_who_left_and_where_the_address_comes_from(session, ana):
    rows = "client,contact,email,end_on\nRía,Noa,noa@r.example,2026-05-31\nMar,Leo,leo@m.example,\n"
    imported(rows, source="import: list.csv")
    noa, leo = (session.query(Contact).filter_by(name=name).one() for name in ("Noa", "Leo"))
    assert (noa.basis, str(noa.left_on)) == (Basis.legitimate_interest, "2026-05-31")
    assert (leo.basis, leo.left_on) == (Basis.contract, None)
    assert {noa.source, leo.source} == {"import: list.csv"}


def test_a_press_on_the_open_door_is_a_sign_of_life(ana):
    talk_requests.ask_to_talk(ana, TalkDetails())
    assert now() - ana.interacted_at < timedelta(minutes=1)


@pytest.mark.parametrize("says_yes", [True, False])
def test_an_answer_is_a_sign_of_life_and_its_yes_a_basis_but_for_the_newsletter(ana, says_yes):
    invitation = builders.an_invitation(departure=builders.a_departure(contact=ana))
    answers = Answers(score=9, keep_in_touch=says_yes)
    words = {"language": "es", "wording": "Sí, escríbeme"}
    response = responses.record(invitation, answers, **words, send=True)
    assert ana.interacted_at is not None
    assert (ana.greetings_consent_at is not None) is says_yes
    assert (ana.check_ins_consent_at is not None) is says_yes
    assert ana.newsletter_consent_at is None
    if says_yes:
        responses.change(response, Answers(score=9), **words, send=True)
        assert (ana.greetings_consent_at, ana.newsletter) == (None, False)


def test_a_yes_in_the_survey_does_not_bring_back_what_was_ended(ana):
    ana.greetings = False
    invitation = builders.an_invitation(departure=builders.a_departure(contact=ana))
    answers = Answers(score=9, keep_in_touch=True)
    responses.record(invitation, answers, language="es", wording="Sí", send=True)
    assert ana.greetings_consent_at is None
    assert ana.check_ins_consent_at is not None


@pytest.mark.parametrize(("head", "counts"), [({}, True), (MACHINE, False)], ids=["hand", "robot"])
def test_a_reply_is_a_sign_of_life_and_a_machines_is_none(ana, head, counts):
    mail = a_mail(MailKind.survey_invitation, contact=ana)
    mail.message_id = f"<{mail.public_id}@norte.example>"
    inbound.receive(answer(mail, **head), InboundSource.pipe)
    assert (ana.interacted_at is not None) is counts
