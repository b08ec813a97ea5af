"""DMARC: the policy, who gets its reports, and whether SPF or DKIM speaks for who readers see."""

import pytest

from service.doctor import dmarc
from service.doctor.cases import Evidence
from service.doctor.dmarc import is_aligned, organisation
from service.doctor.findings import Check, State
from tests.doctor.cases import a_case, of

STRICT = "v=DMARC1; p=reject; rua=mailto:dmarc@norte.es"


def found(names, *records, zone=(), signed_for=(), has_spf=True, **case):
    evidence = Evidence(signed_for=list(signed_for), has_spf=has_spf)
    full = {"_dmarc.norte.es": {"TXT": list(records)}, **dict(zone)}
    return list(dmarc.check(a_case(**case), evidence, names(full)))


def policies(names, *records, **more):
    return of(Check.dmarc, found(names, *records, **more))


def alignment(names, *records, **more):
    ((state, words),) = of(Check.alignment, found(names, *records, **more))
    return state, words


def test_a_policy_that_acts_is_good(names):
    assert [state for state, _ in policies(names, STRICT)] == [State.good]
    quarantine = STRICT.replace("reject", "quarantine")
    assert [state for state, _ in policies(names, quarantine)] == [State.good]


def test_a_policy_that_only_watches_is_a_warning(names):
    ((state, words),) = policies(names, STRICT.replace("reject", "none"))
    assert state is State.warning
    assert "p=quarantine" in words


def test_no_policy_is_bad_and_one_to_copy_is_given(names):
    ((state, words),) = policies(names, "v=spf1 -all")
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
def test_a_record_that_receivers_ignore_is_bad(names, records):
    assert [state for state, _ in policies(names, *records)] == [State.bad]


def test_a_policy_for_some_of_the_mails_is_a_warning(names):
    ((state, words),) = policies(names, f"{STRICT}; pct=20")
    assert state is State.warning
    assert "20 of 100" in words


def test_without_reports_nobody_learns_what_fails(names):
    states = [state for state, _ in policies(names, "v=DMARC1; p=reject")]
    assert states == [State.good, State.warning]


def test_who_gets_reports_elsewhere_has_to_agree(names):
    record = "v=DMARC1; p=reject; rua=mailto:x@reports.example!10m"
    (_, (state, words)) = policies(names, record)
    assert state is State.warning
    assert words.endswith("norte.es._report._dmarc.reports.example TXT v=DMARC1")
    zone = {"norte.es._report._dmarc.reports.example": {"TXT": ["v=DMARC1;"]}}
    assert [state for state, _ in policies(names, record, zone=zone)] == [State.good]


def test_a_subdomain_has_the_policy_of_its_organisation(names):
    sender = "hola@news.norte.es"
    ((state, words),) = policies(names, STRICT, sender=sender)
    assert state is State.good
    assert "norte.es says reject" in words
    ((state, _),) = policies(names, f"{STRICT}; sp=none", sender=sender)
    assert state is State.warning


def test_the_organisation_of_a_domain():
    assert organisation("a.b.norte.es") == "norte.es"
    assert organisation("news.norte.com.es") == "norte.com.es"
    assert organisation("norte.co.uk") == "norte.co.uk"
    assert organisation("norte.es") == "norte.es"
    assert is_aligned("a.norte.es", "b.norte.es")
    assert not is_aligned("norte.com.es", "sur.com.es")
    assert not is_aligned("a.norte.es", "norte.es", strictly=True)


def test_spf_and_dkim_that_speak_for_the_sender_are_good(names):
    state, _ = alignment(names, STRICT, signed_for=["mail.norte.es"])
    assert state is State.good


def test_dkim_alone_is_enough(names):
    more = {"MAIL_BOUNCE_ADDRESS": "b@relay.example", "signed_for": ["norte.es"]}
    state, words = alignment(names, STRICT, **more)
    assert state is State.good
    assert "relay.example" in words


def test_spf_alone_does_not_survive_forwarding(names):
    assert alignment(names, STRICT)[0] is State.warning


def test_neither_is_bad(names):
    more = {"MAIL_BOUNCE_ADDRESS": "b@relay.example", "signed_for": ["relay.example"]}
    state, words = alignment(names, STRICT, **more)
    assert state is State.bad
    assert "DMARC fails" in words


def test_what_dkim_speaks_for_may_be_unknown(names):
    assert alignment(names, STRICT, MAIL_BOUNCE_ADDRESS="b@relay.example")[0] is State.unknown


def test_without_an_spf_record_only_dkim_speaks(names):
    assert alignment(names, STRICT, has_spf=False)[0] is State.unknown
    more = {"has_spf": False, "signed_for": ["norte.es"]}
    state, words = alignment(names, STRICT, **more)
    assert state is State.good
    assert "SPF" not in words


def test_a_strict_policy_wants_the_very_domain(names):
    more = {"MAIL_BOUNCE_ADDRESS": "b@mail.norte.es", "signed_for": ["mail.norte.es"]}
    assert alignment(names, STRICT, **more)[0] is State.good
    assert alignment(names, f"{STRICT}; aspf=s; adkim=s", **more)[0] is State.bad
