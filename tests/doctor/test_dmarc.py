"""DMARC: the policy, who gets its reports, and whether SPF or DKIM speaks for who readers see."""

import pytest

from service.doctor import dmarc
from service.doctor.cases import Evidence
from service.doctor.dmarc import is_aligned, organisation
from service.doctor.findings import Check, State
from tests.doctor.cases import a_case, of

STRICT = "v=DMARC1; p=reject; rua=mailto:dmarc@norte.es"


def found(resolver_of, *records, zone=(), signed_for=(), has_spf=True, **case):
    evidence = Evidence(signed_for=list(signed_for), has_spf=has_spf)
    full = {"_dmarc.norte.es": {"TXT": list(records)}, **dict(zone)}
    return list(dmarc.check(a_case(**case), evidence, resolver_of(full)))


def policies(resolver_of, *records, **more):
    return of(Check.dmarc, found(resolver_of, *records, **more))


def alignment(resolver_of, *records, **more):
    ((state, words),) = of(Check.alignment, found(resolver_of, *records, **more))
    return state, words


def test_a_policy_that_acts_is_good(resolver_of):
    assert [state for state, _ in policies(resolver_of, STRICT)] == [State.good]
    quarantine = STRICT.replace("reject", "quarantine")
    assert [state for state, _ in policies(resolver_of, quarantine)] == [State.good]


def test_a_policy_that_only_watches_is_a_warning(resolver_of):
    ((state, words),) = policies(resolver_of, STRICT.replace("reject", "none"))
    assert state is State.warning
    assert "p=quarantine" in words


def test_no_policy_is_bad_and_one_to_copy_is_given(resolver_of):
    ((state, words),) = policies(resolver_of, "v=spf1 -all")
    assert state is State.bad
    assert words.endswith("_dmarc.norte.es TXT v=DMARC1; p=none; rua=mailto:hola@norte.es")


@pytest.mark.parametrize(
    "records",
    [
        (STRICT, STRICT.replace("reject", "none")),
        ("v=DMARC1; rua=mailto:dmarc@norte.es",),
        ("v=DMARC1; p=perhaps",),
        ("v=DMARC1; p=reject; pct=many",),
        ("v=DMARC1; p=reject; p=none",),
        ("v=DMARC1; reject",),
    ],
)
def test_a_record_that_receivers_ignore_is_bad(resolver_of, records):
    assert [state for state, _ in policies(resolver_of, *records)] == [State.bad]


def test_a_policy_for_some_of_the_mails_is_a_warning(resolver_of):
    ((state, words),) = policies(resolver_of, f"{STRICT}; pct=20")
    assert state is State.warning
    assert "20 of 100" in words


def test_without_reports_nobody_learns_what_fails(resolver_of):
    states = [state for state, _ in policies(resolver_of, "v=DMARC1; p=reject")]
    assert states == [State.good, State.warning]


def test_who_gets_reports_elsewhere_has_to_agree(resolver_of):
    record = "v=DMARC1; p=reject; rua=mailto:x@reports.example!10m"
    (_, (state, words)) = policies(resolver_of, record)
    assert state is State.warning
    assert words.endswith("norte.es._report._dmarc.reports.example TXT v=DMARC1")
    zone = {"norte.es._report._dmarc.reports.example": {"TXT": ["v=DMARC1;"]}}
    assert [state for state, _ in policies(resolver_of, record, zone=zone)] == [State.good]


def test_a_subdomain_has_the_policy_of_its_organisation(resolver_of):
    sender = "hola@news.norte.es"
    ((state, words),) = policies(resolver_of, STRICT, sender=sender)
    assert state is State.good
    assert "norte.es says reject" in words
    ((state, _),) = policies(resolver_of, f"{STRICT}; sp=none", sender=sender)
    assert state is State.warning


def test_the_organisation_of_a_domain():
    assert organisation("a.b.norte.es") == "norte.es"
    assert organisation("news.norte.com.es") == "norte.com.es"
    assert organisation("norte.co.uk") == "norte.co.uk"
    assert organisation("norte.es") == "norte.es"
    assert is_aligned("a.norte.es", "b.norte.es")
    assert not is_aligned("norte.com.es", "sur.com.es")
    assert not is_aligned("a.norte.es", "norte.es", strictly=True)


def test_spf_and_dkim_that_speak_for_the_sender_are_good(resolver_of):
    state, _ = alignment(resolver_of, STRICT, signed_for=["mail.norte.es"])
    assert state is State.good


def test_dkim_alone_is_enough(resolver_of):
    more = {"MAIL_BOUNCE_ADDRESS": "b@relay.example", "signed_for": ["norte.es"]}
    state, words = alignment(resolver_of, STRICT, **more)
    assert state is State.good
    assert "relay.example" in words


def test_spf_alone_does_not_survive_forwarding(resolver_of):
    assert alignment(resolver_of, STRICT)[0] is State.warning


def test_neither_is_bad(resolver_of):
    more = {"MAIL_BOUNCE_ADDRESS": "b@relay.example", "signed_for": ["relay.example"]}
    state, words = alignment(resolver_of, STRICT, **more)
    assert state is State.bad
    assert "DMARC fails" in words


def test_what_dkim_speaks_for_may_be_unknown(resolver_of):
    assert alignment(resolver_of, STRICT, MAIL_BOUNCE_ADDRESS="b@relay.example")[0] is State.unknown


def test_without_an_spf_record_only_dkim_speaks(resolver_of):
    assert alignment(resolver_of, STRICT, has_spf=False)[0] is State.unknown
    more = {"has_spf": False, "signed_for": ["norte.es"]}
    state, words = alignment(resolver_of, STRICT, **more)
    assert state is State.good
    assert "SPF" not in words


def test_a_strict_policy_wants_the_very_domain(resolver_of):
    more = {"MAIL_BOUNCE_ADDRESS": "b@mail.norte.es", "signed_for": ["mail.norte.es"]}
    assert alignment(resolver_of, STRICT, **more)[0] is State.good
    assert alignment(resolver_of, f"{STRICT}; aspf=s; adkim=s", **more)[0] is State.bad
