"""Whom a newsletter reaches: each value narrows it down, and an address counts once."""

from datetime import timedelta

import pytest

from service.clock import today
from service.models import Audience, Reason, Recovery
from service.models.audiences import Side, Who
from service.newsletters.queries import audiences
from tests.builders import (
    a_client,
    a_company,
    a_contact,
    a_departure,
    a_response,
    added,
    an_invitation,
)

LEFT = {"left_on": today("Europe/Madrid") - timedelta(days=30)}


@pytest.fixture(autouse=True)
def _company(session):
    a_company()


def names(audience) -> set[str]:
    return {reader.name for reader in audiences.reach(audience).getting}


def test_each_value_narrows_the_audience_down(session):
    ana = a_contact(name="Ana", client=a_client(group="Norte", service="Web"), **LEFT)
    eva = a_contact(name="Eva", language="en", **LEFT)
    a_contact(name="Leo")  # a client
    gone = a_departure(contact=ana, service="Web", reasons={Reason.price})
    left = a_departure(contact=eva, reasons={Reason.ended_by_us})
    a_response(
        invitation=an_invitation(departure=gone),
        score=9,
        return_likelihood=8,
        reasons={Reason.in_house},
    )
    a_response(invitation=an_invitation(departure=left), score=3, return_likelihood=1)
    assert names(Audience()) == {"Ana", "Eva"}
    assert names(Audience(who=Who.clients)) == {"Leo"}
    assert names(Audience(who=Who.all)) == {"Ana", "Eva", "Leo"}
    assert names(Audience(languages=("en",))) == {"Eva"}
    assert names(Audience(services=("Web",))) == {"Ana"}
    assert names(Audience(groups=("Norte",))) == {"Ana"}
    assert names(Audience(reasons=(Reason.price,))) == {"Ana"}
    assert names(Audience(reasons=(Reason.price,), reasons_of=Side.client)) == set()
    assert names(Audience(reasons=(Reason.in_house,), reasons_of=Side.client)) == {"Ana"}
    assert names(Audience(likelihood_from=7)) == {"Ana"}
    assert names(Audience(score_to=6)) == {"Eva"}
    assert names(Audience(score_from=9, score_to=10)) == {"Ana"}
    assert names(Audience(merits_it=True)) == {"Ana"}
    added(Recovery(departure=gone))
    assert names(Audience(merits_it=True)) == set()


def test_one_address_of_two_clients_gets_it_once(session):
    for _ in range(2):
        a_contact(email="compartida@daz.example", **LEFT)
    assert len(audiences.reach(Audience()).getting) == 1
