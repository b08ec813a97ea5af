"""SPF: what is wrong with a record, and whether it lets our server send."""

from ipaddress import ip_address

import pytest

from service.doctor import spf
from service.doctor.cases import Evidence, Returned
from service.doctor.findings import Check, State
from service.doctor.spf import Result, Tree
from tests.doctor.cases import PUBLIC, a_case, of

MAIL = {"mail.norte.es": {"A": [PUBLIC]}}


def found(resolver_of, records, more=(), *, case=None, evidence=None):
    zone = {"norte.es": {"TXT": list(records)}, **MAIL, **dict(more)}
    return list(spf.check(case or a_case(), evidence or Evidence(), resolver_of(zone)))


def record(resolver_of, text, more=(), *, case=None, evidence=None):
    """The one finding about the record itself."""
    ((state, words),) = of(
        Check.spf, found(resolver_of, [text], more, case=case, evidence=evidence)
    )
    return state, words


def seen_from(address: str) -> Evidence:
    line = f"Received: from x (x [{address}]) by mx.norte.es; Wed, 25 Nov 2026 08:00:00 +0100\r\n"
    return Evidence(returned=Returned(line.encode() + b"\r\nHola.\r\n", is_caught=False))


def test_one_record_that_ends_is_good(resolver_of):
    state, words = record(resolver_of, "v=spf1 mx a:mail.norte.es ip4:185.12.64.0/24 ~all")
    assert state is State.good
    assert "2 look-ups" in words


def test_no_record_is_bad_and_one_to_copy_is_given(resolver_of):
    ((state, words),) = of(Check.spf, found(resolver_of, ["google-site-verification=x"]))
    assert state is State.bad
    assert words.endswith("norte.es TXT v=spf1 a:mail.norte.es ~all")


def test_for_a_known_service_the_record_to_copy_is_the_services(resolver_of):
    case = a_case(MAIL_SERVER="smtp.sendgrid.net")
    ((_, words),) = of(Check.spf, found(resolver_of, [], case=case))
    assert words.endswith("norte.es TXT v=spf1 include:sendgrid.net ~all")


def test_two_records_are_bad_and_one_that_holds_both_is_given(resolver_of):
    records = ["v=spf1 mx ip4:185.12.64.1 -all", "v=spf1 mx include:sur.es ~all"]
    ((state, words),) = of(Check.spf, found(resolver_of, records))
    assert state is State.bad
    assert words.endswith("TXT v=spf1 mx include:sur.es ip4:185.12.64.1 ~all")


@pytest.mark.parametrize(
    "word",
    ["ipv4:185.12.64.1", "ip4:185.12.64", "ip4:2a01::1", "include", "all:x", "a/33", "mx,", "ip4"],
)
def test_a_word_that_is_no_spf_is_named(resolver_of, word):
    state, words = record(resolver_of, f"v=spf1 {word} ~all")
    assert state is State.bad
    assert f"“{word}”" in words


def test_an_include_without_a_record_makes_it_useless(resolver_of):
    state, words = record(resolver_of, "v=spf1 include:sur.es ~all")
    assert state is State.bad
    assert "sur.es, which it includes, has 0 SPF records" in words


def test_a_record_that_includes_itself_is_bad(resolver_of):
    more = {"sur.es": {"TXT": ["v=spf1 include:norte.es -all"]}}
    state, words = record(resolver_of, "v=spf1 include:sur.es ~all", more)
    assert state is State.bad
    assert "includes itself" in words


def test_look_ups_are_counted_through_includes_and_redirects(resolver_of):
    more = {
        "a.es": {"TXT": ["v=spf1 a mx ptr exists:%{i}.a.es include:b.es -all"]},
        "b.es": {"TXT": ["v=spf1 a mx ip4:185.12.64.1 redirect=c.es"]},
        "c.es": {"TXT": ["v=spf1 a -all"]},
    }
    state, words = record(resolver_of, "v=spf1 include:a.es ~all", more)
    assert state is State.good
    assert "10 look-ups" in words
    state, words = record(resolver_of, "v=spf1 mx include:a.es ~all", more)
    assert state is State.bad
    assert "takes 11 look-ups; 10 are the most" in words


def test_includes_without_end_are_not_followed_without_end(dns, resolver_of):
    more = {
        f"{n}.es": {"TXT": [f"v=spf1 include:{n + 1}.es include:{n + 2}.es -all"]}
        for n in range(60)
    }
    state, _ = record(resolver_of, "v=spf1 include:0.es ~all", more)
    assert state is State.bad
    assert len(dns.asked) < 60


@pytest.mark.parametrize(("end", "state"), [("+all", "bad"), ("all", "bad"), ("?all", "warning")])
def test_an_end_that_lets_others_send_is_said(resolver_of, end, state):
    assert record(resolver_of, f"v=spf1 mx {end}")[0] == state


def test_a_record_without_an_end_is_said(resolver_of):
    assert record(resolver_of, "v=spf1 mx")[0] is State.warning
    more = {"sur.es": {"TXT": ["v=spf1 mx -all"]}}
    assert record(resolver_of, "v=spf1 redirect=sur.es", more)[0] is State.good


@pytest.mark.parametrize(
    ("text", "address", "result"),
    [
        ("v=spf1 ip4:185.12.64.0/24 -all", "185.12.64.200", Result.passes),
        ("v=spf1 ip4:185.12.64.0/24 -all", "185.12.65.1", Result.fails),
        ("v=spf1 ip6:2a01:4f8::/32 -all", "2a01:4f8::1", Result.passes),
        ("v=spf1 ip6:2a01:4f8::/32 ~all", "185.12.64.10", Result.softly_fails),
        ("v=spf1 a -all", "185.12.64.30", Result.passes),
        ("v=spf1 a/24 -all", "185.12.64.99", Result.passes),
        ("v=spf1 a:mail.norte.es -all", PUBLIC, Result.passes),
        ("v=spf1 mx -all", PUBLIC, Result.passes),
        ("v=spf1 mx:sur.es -all", PUBLIC, Result.fails),
        ("v=spf1 -mx ip4:185.12.64.10 -all", PUBLIC, Result.fails),
        ("v=spf1 include:sur.es ~all", "185.12.64.50", Result.passes),
        ("v=spf1 include:sur.es ~all", PUBLIC, Result.softly_fails),
        ("v=spf1 redirect=sur.es", "185.12.64.50", Result.passes),
        ("v=spf1 redirect=sur.es", PUBLIC, Result.fails),
        ("v=spf1 ip4:185.12.64.50", PUBLIC, Result.neutral),
        ("v=spf1 exists:%{i}.sur.es -all", PUBLIC, Result.unsure),
        ("v=spf1 exists:%{i}.sur.es ip4:185.12.64.10 -all", PUBLIC, Result.passes),
        ("V=SPF1 IP4:185.12.64.10 -ALL", PUBLIC, Result.passes),
    ],
)
def test_a_record_is_asked_about_an_address(resolver_of, text, address, result):
    zone = {
        "norte.es": {"A": ["185.12.64.30"], "MX": ["10 mail.norte.es."]},
        "sur.es": {"TXT": ["v=spf1 ip4:185.12.64.50 -all"]},
        **MAIL,
    }
    tree = Tree.of("norte.es", text, resolver_of(zone))
    assert tree.faults == []
    assert tree.result_for(ip_address(address)) is result


def covers(resolver_of, text, **more):
    ((state, words),) = of(Check.spf_host, found(resolver_of, [text], **more))
    return state, words


def test_the_address_of_the_mail_server_is_covered(resolver_of):
    assert covers(resolver_of, "v=spf1 a:mail.norte.es -all")[0] is State.good


def test_a_mail_server_that_is_not_named_may_send_from_elsewhere(resolver_of):
    state, words = covers(resolver_of, "v=spf1 ip4:185.12.64.1 -all")
    assert state is State.unknown
    assert words.endswith("norte.es TXT v=spf1 a:mail.norte.es ip4:185.12.64.1 -all")


def test_the_address_of_a_local_mail_server_cannot_be_known(resolver_of):
    case = a_case(MAIL_SERVER="localhost")
    assert covers(resolver_of, "v=spf1 mx -all", case=case)[0] is State.unknown


def test_a_known_service_has_to_be_included(resolver_of):
    case = a_case(MAIL_SERVER="smtp.gmail.com")
    more = {"_spf.google.com": {"TXT": ["v=spf1 ip4:185.12.70.0/24 ~all"]}}
    text = "v=spf1 include:_spf.google.com ~all"
    assert covers(resolver_of, text, more=more, case=case)[0] is State.good
    state, words = covers(resolver_of, "v=spf1 mx ~all", more=more, case=case)
    assert state is State.bad
    assert words.endswith("v=spf1 include:_spf.google.com mx ~all")


def test_the_address_that_a_test_mail_came_from_decides(resolver_of):
    case = a_case(MAIL_SERVER="localhost")
    evidence = seen_from("185.12.64.77")
    state, words = covers(resolver_of, "v=spf1 ip4:185.12.64.77 -all", case=case, evidence=evidence)
    assert state is State.good
    state, words = covers(resolver_of, "v=spf1 mx -all", case=case, evidence=evidence)
    assert state is State.bad
    assert words.endswith("v=spf1 ip4:185.12.64.77 mx -all")
    state, _ = covers(resolver_of, "v=spf1 exists:%{i}.es -all", case=case, evidence=evidence)
    assert state is State.unknown
