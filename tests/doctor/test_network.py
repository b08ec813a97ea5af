"""The DNS as the doctor asks it: over UDP and TCP, within a limit, and never in the wrong place."""

import time
from ipaddress import ip_address

import pytest

from service.config import SettingError
from service.doctor import network as module
from service.doctor.network import Resolver, Unresolved, address_and_port, is_local


def test_the_strings_of_a_text_are_joined_and_long_answers_come_over_tcp(dns, resolver_of):
    long = "v=DKIM1; p=" + "A" * 800
    assert resolver_of({"norte.es": {"TXT": [long]}}).texts("norte.es") == [long]
    assert [protocol for protocol, _, _ in dns.asked] == ["udp", "tcp"]


def test_a_name_that_does_not_exist_has_no_records(resolver_of):
    asked = resolver_of({"a.norte.es": {"A": ["185.12.64.10"]}})
    assert asked.texts("norte.es") == []  # exists, without records
    assert asked.texts("sur.es") == []
    assert asked.mail_servers("sur.es") == []


def test_mail_servers_come_in_their_order_and_a_null_mx_is_empty(resolver_of):
    zone = {"norte.es": {"MX": ["20 b.norte.es.", "10 a.norte.es."]}, "sur.es": {"MX": ["0 ."]}}
    asked = resolver_of(zone)
    assert asked.mail_servers("norte.es") == ["a.norte.es", "b.norte.es"]
    assert asked.mail_servers("sur.es") == [""]


def test_addresses_are_of_both_versions_and_an_address_is_its_own(resolver_of):
    both = {"A": ["185.12.64.10"], "AAAA": ["2a01:4f8::10"]}
    asked = resolver_of({"mail.norte.es": both})
    assert list(map(str, asked.addresses("mail.norte.es"))) == ["185.12.64.10", "2a01:4f8::10"]
    assert list(map(str, asked.addresses("185.12.64.9"))) == ["185.12.64.9"]


def test_an_alias_is_followed(resolver_of):
    zone = {"a.norte.es": {"CNAME": ["b.norte.es."]}, "b.norte.es": {"TXT": ["hola"]}}
    assert resolver_of(zone).texts("b.norte.es") == ["hola"]


def test_a_reverse_name_is_found(resolver_of):
    zone = {"10.64.12.185.in-addr.arpa": {"PTR": ["mail.norte.es."]}}
    assert resolver_of(zone).reverse_names(ip_address("185.12.64.10")) == ["mail.norte.es"]


@pytest.mark.parametrize("how", ["SERVFAIL", "SILENT"])
def test_no_answer_is_not_taken_for_no_record(resolver_of, monkeypatch, how):
    monkeypatch.setattr(module, "LIFETIME", 0.3)
    with pytest.raises(Unresolved) as failure:
        resolver_of({"norte.es": {how: []}}).texts("norte.es")
    assert failure.value.words.values["name"] == "norte.es"


def test_all_questions_together_have_a_limit(dns, monkeypatch):
    monkeypatch.setattr(module, "LIFETIME", 0.3)
    dns.zone = {"norte.es": {"SILENT": []}}
    asked = Resolver(dns.place, seconds=0.4)
    began = time.monotonic()
    for _ in range(10):
        with pytest.raises(Unresolved):
            asked.texts("norte.es")
    assert time.monotonic() - began < 2


def test_a_name_that_cannot_be_asked_for_is_unresolved(resolver_of):
    with pytest.raises(Unresolved):
        resolver_of({}).texts("a" * 64 + ".es")
    with pytest.raises(Unresolved):
        resolver_of({}).texts("a..es")


def test_nobody_at_the_dns_server_is_unresolved(monkeypatch):
    monkeypatch.setattr(module, "LIFETIME", 0.3)
    with pytest.raises(Unresolved):
        Resolver("127.0.0.1:1", seconds=1).texts("norte.es")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_a_dns_server_is_an_address_with_or_without_a_port(text, place):
    assert address_and_port(text) == place


@pytest.mark.parametrize("text", ["dns.norte.es", "192.0.2.1:0", "192.0.2.1:x", "1.2.3"])
def test_any_other_dns_server_is_refused_by_the_name_of_the_setting(text):
    with pytest.raises(SettingError, match=r"^DNS_SERVER: "):
        address_and_port(text)


def test_what_is_here_is_told_from_what_is_elsewhere():
    here = ["localhost", "127.0.0.1", "[::1]", "10.1.2.3", "mail", "mail.internal", "x.localhost"]
    assert [host for host in here if not is_local(host)] == []
    assert [host for host in ("mail.norte.es", "185.12.64.10") if is_local(host)] == []
