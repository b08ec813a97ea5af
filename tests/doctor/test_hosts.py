"""MX and PTR: whether replies arrive, and whether the sending address has a name."""

import pytest

from service.doctor import hosts
from service.doctor.cases import Evidence
from service.doctor.findings import State
from tests.doctor.cases import PUBLIC, a_case, said
from tests.doctor.test_spf import seen_from

BACK = "10.64.12.185.in-addr.arpa"


def mx(resolver_of, zone, **case):
    return list(hosts.check_mx(a_case(**case), Evidence(), resolver_of(zone)))


def ptr(resolver_of, zone, evidence=None, **case):
    return list(hosts.check_ptr(a_case(**case), evidence or Evidence(), resolver_of(zone)))


@pytest.mark.parametrize(
    ("records", "state"),
    [
        ({"MX": ["10 mail.norte.es."]}, State.good),
        ({"MX": ["0 ."]}, State.bad),
        ({"MX": ["10 nowhere.norte.es."]}, State.bad),
        ({"A": [PUBLIC]}, State.warning),
        ({"TXT": ["hola"]}, State.bad),
    ],
)
def test_a_domain_has_to_take_mail(resolver_of, records, state):
    (found,) = mx(resolver_of, {"norte.es": records, "mail.norte.es": {"A": [PUBLIC]}})
    assert found.state is state
    assert said(found)


def test_the_domain_of_the_bounce_address_has_to_take_mail_too(resolver_of):
    zone = {"norte.es": {"MX": ["10 a.es."]}, "sur.es": {"MX": ["0 ."]}, "a.es": {"A": [PUBLIC]}}
    found = mx(resolver_of, zone, MAIL_BOUNCE_ADDRESS="bounces@sur.es")
    assert [each.state for each in found] == [State.good, State.bad]
    assert "null MX" in said(found[1])


def test_a_name_that_leads_back_is_good(resolver_of):
    zone = {"mail.norte.es": {"A": [PUBLIC]}, BACK: {"PTR": ["mail.norte.es."]}}
    assert [each.state for each in ptr(resolver_of, zone)] == [State.good]


def test_of_several_names_one_that_leads_back_is_enough(resolver_of):
    names_of_it = ["old.norte.es.", "mail.norte.es."]
    zone = {"mail.norte.es": {"A": [PUBLIC]}, BACK: {"PTR": names_of_it}}
    assert [each.state for each in ptr(resolver_of, zone)] == [State.good]


@pytest.mark.parametrize("record", [None, "old.norte.es."])
def test_no_name_or_one_that_leads_elsewhere_is_worse_when_the_address_was_seen(
    resolver_of, record
):
    zone = {"mail.norte.es": {"A": [PUBLIC]}, "old.norte.es": {"A": ["185.12.64.1"]}}
    if record:
        zone[BACK] = {"PTR": [record]}
    assert [each.state for each in ptr(resolver_of, zone)] == [State.warning]
    found = ptr(resolver_of, zone, seen_from(PUBLIC), MAIL_SERVER="localhost")
    assert [each.state for each in found] == [State.bad]
    assert "PTR" in said(found[0])


def test_the_address_behind_a_local_mail_server_is_not_known(resolver_of):
    assert [each.state for each in ptr(resolver_of, {}, MAIL_SERVER="localhost")] == [State.unknown]


def test_a_mail_server_without_an_address_has_no_name_to_look_for(resolver_of):
    assert [each.state for each in ptr(resolver_of, {})] == [State.unknown]
