"""DKIM: whose key, how strong, whether the signature of a real mail holds, and what it covers."""

import base64
from email import message_from_bytes

import pytest

from service.doctor import dkim
from service.doctor.cases import Evidence, Returned
from service.doctor.dkim import Proof, prove, read_key, signatures
from service.doctor.findings import Check, State
from tests.doctor.cases import a_case, a_sample_mail, of
from tests.doctor.signing import COVERED, ed25519_key, published, rsa_key, signed

PLACE = "mail2026._domainkey.norte.es"
OCTETS = a_sample_mail().octets("<1@norte.es>", "hola@norte.es")
RFC_8463 = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""


def found(resolver_of, zone, *, mail: bytes | None = None, caught: bool = False, **case):
    evidence = Evidence(returned=mail and Returned(mail, is_caught=caught))
    return list(dkim.check(a_case(**case), evidence, resolver_of(zone)))


def key_at(resolver_of, text: str, **case):
    """What is found about a key that is published as `text`."""
    zone = {PLACE: {"TXT": [text]}}
    ((state, words),) = of(Check.dkim, found(resolver_of, zone, selector="mail2026", **case))
    return state, words


def test_a_strong_key_at_the_given_selector_is_good(resolver_of):
    state, words = key_at(resolver_of, published(rsa_key()))
    assert state is State.good
    assert "2048 bits" in words
    assert key_at(resolver_of, published(ed25519_key()))[0] is State.good


def test_a_key_may_leave_out_its_version_and_kind(resolver_of):
    bare = published(rsa_key()).rpartition("; ")[2]
    assert key_at(resolver_of, bare)[0] is State.good


def test_a_key_of_4096_bits_comes_over_tcp(resolver_of, dns):
    text = published(rsa_key(4096))
    assert "4096 bits" in key_at(resolver_of, text)[1]
    assert ("tcp", PLACE, "TXT") in dns.asked


def test_a_key_may_belong_to_the_organisation(resolver_of):
    zone = {PLACE: {"TXT": [published(rsa_key())]}}
    case = {"sender": "hola@mail.norte.es", "selector": "mail2026"}
    assert of(Check.dkim, found(resolver_of, zone, **case))[0][0] is State.good


WEAK = {
    "short": (lambda: published(rsa_key(1024)), State.warning),
    "testing": (lambda: published(rsa_key(), t="y"), State.warning),
    "revoked": (lambda: "v=DKIM1; k=rsa; p=", State.bad),
    "no key": (lambda: "v=DKIM1; k=rsa", State.bad),
    "no key inside": (lambda: "v=DKIM1; k=rsa; p=AAAA", State.bad),
    "not base64": (lambda: "v=DKIM1; k=rsa; p=%%%", State.bad),
    "another version": (lambda: "v=DKIM2; p=AAAA", State.bad),
    "no record": (lambda: "hola", State.bad),
    "ed25519 called rsa": (lambda: published(ed25519_key()).replace("ed25519", "rsa"), State.bad),
    "rsa called ed25519": (lambda: published(rsa_key()).replace("rsa", "ed25519"), State.bad),
}


@pytest.mark.parametrize("kind", WEAK)
def test_a_key_that_is_weak_or_none_is_said_so(resolver_of, kind):
    text, state = WEAK[kind]
    assert key_at(resolver_of, text())[0] is state


def test_a_key_that_is_too_short_is_bad(resolver_of, monkeypatch):
    monkeypatch.setattr(dkim, "WEAK", 1025)  # cryptography makes no key that is really too short
    assert key_at(resolver_of, published(rsa_key(1024)))[0] is State.bad


def test_no_key_at_the_given_selector_is_bad(resolver_of):
    ((state, words),) = of(Check.dkim, found(resolver_of, {}, selector="mail2026"))
    assert state is State.bad
    assert PLACE in words


def test_two_records_in_one_place_are_bad(resolver_of):
    zone = {PLACE: {"TXT": [published(rsa_key()), published(rsa_key(1024))]}}
    assert of(Check.dkim, found(resolver_of, zone, selector="mail2026"))[0][0] is State.bad


def test_names_that_services_use_are_tried_and_a_hit_is_called_a_guess(resolver_of):
    zone = {"google._domainkey.norte.es": {"TXT": [published(rsa_key())]}}
    ((state, words),) = of(Check.dkim, found(resolver_of, zone))
    assert state is State.good
    assert "found by trying" in words


def test_without_a_hit_nobody_can_know(resolver_of):
    ((state, words),) = of(Check.dkim, found(resolver_of, {"norte.es": {"TXT": ["hola"]}}))
    assert state is State.unknown
    assert "DKIM-Signature" in words


def test_the_signature_of_a_test_mail_names_its_key_and_holds(resolver_of):
    zone = {PLACE: {"TXT": [published(rsa_key())]}}
    seen = found(resolver_of, zone, mail=signed(OCTETS))
    assert [finding.state for finding in seen] == [State.good] * 3
    assert [finding.check for finding in seen] == [
        Check.dkim,
        Check.dkim_proof,
        Check.dkim_headers,
    ]


def test_of_several_signatures_the_one_for_the_sender_counts(resolver_of):
    zone = {PLACE: {"TXT": [published(rsa_key())]}}
    mail = signed(signed(OCTETS), domain="relay.example", selector="x", key=rsa_key(1024))
    assert {finding.state for finding in found(resolver_of, zone, mail=mail)} == {State.good}


def test_a_mail_that_comes_back_unsigned_is_bad(resolver_of):
    ((state, words),) = of(Check.dkim, found(resolver_of, {}, mail=OCTETS))
    assert state is State.bad
    assert "Switch signing on" in words


def test_the_mail_catcher_signs_nothing_and_that_is_no_fault(resolver_of):
    ((state, _),) = of(Check.dkim, found(resolver_of, {}, mail=OCTETS, caught=True))
    assert state is State.unknown


def proof(resolver_of, mail: bytes, text: str | None = None):
    zone = {PLACE: {"TXT": [text or published(rsa_key())]}}
    return of(Check.dkim_proof, found(resolver_of, zone, mail=mail))


def test_a_key_that_is_not_the_one_that_signed_is_bad(resolver_of):
    ((state, words),) = proof(resolver_of, signed(OCTETS, key=rsa_key(1024)))
    assert state is State.bad
    assert "another key" in words


def test_a_mail_that_was_changed_on_its_way_is_bad(resolver_of):
    ((state, words),) = proof(resolver_of, signed(OCTETS) + b"A footer.\r\n")
    assert state is State.bad
    assert "changed on its way" in words


def test_a_signature_that_no_longer_counts_is_bad(resolver_of):
    ((state, _),) = proof(resolver_of, signed(OCTETS).replace(b"rsa-sha256", b"rsa-sha1"))
    assert state is State.bad


def test_nothing_is_proved_with_a_key_that_is_none(resolver_of):
    assert proof(resolver_of, signed(OCTETS), "v=DKIM1; p=") == []
    assert proof(resolver_of, signed(OCTETS), "hola") == []


def test_signing_without_the_unsubscribe_headers_is_a_warning(resolver_of):
    zone = {PLACE: {"TXT": [published(rsa_key())]}}
    mail = signed(OCTETS, covered="from:to:subject")
    ((state, words),) = of(Check.dkim_headers, found(resolver_of, zone, mail=mail))
    assert state is State.warning
    assert "list-unsubscribe, list-unsubscribe-post" in words


def test_signing_without_from_is_bad(resolver_of):
    mail = signed(OCTETS, covered=COVERED.replace("from:", ""))
    assert of(Check.dkim_headers, found(resolver_of, {}, mail=mail))[0][0] is State.bad


@pytest.mark.parametrize("how", ["relaxed/relaxed", "simple/simple", "relaxed/simple"])
@pytest.mark.parametrize("key", [rsa_key, ed25519_key])
@pytest.mark.parametrize("body", [b"", b"Hola.  \r\n\r\n", b"\r\n\r\n", b"a \t b\r\nc"])
def test_a_signature_holds_in_every_canonical_form(how, key, body):
    head = b"From: a@norte.es\r\nTO:  b@daz.example\r\nSubject: Hola,\r\n  \tamiga\r\n"
    mail = signed(head + b"\r\n" + body, key=key(), covered="from:to:subject", how=how)
    (signature,) = signatures(message_from_bytes(mail))
    public = read_key(published(key())).public
    assert prove(mail, signature, public) is Proof.holds
    assert prove(mail.replace(b"Hola,", b"Adi,"), signature, public) is Proof.does_not_hold


def test_of_headers_with_one_name_the_lowest_is_the_one_that_was_signed():
    mail = b"Subject: Put before it on the way\r\n" + signed(OCTETS)
    (signature,) = signatures(message_from_bytes(mail))
    assert prove(mail, signature, rsa_key().public_key()) is Proof.holds


def test_the_example_of_rfc_8463_holds():
    key = read_key("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=").public
    (signature,) = signatures(message_from_bytes(RFC_8463))
    assert prove(RFC_8463, signature, key) is Proof.holds
    assert prove(RFC_8463.replace(b"lost", b"won"), signature, key) is Proof.body_changed


def test_a_signature_that_is_garbage_is_unreadable_and_breaks_nothing():
    mail = signed(OCTETS).replace(b"bh=", b"bh=%%")
    (signature,) = signatures(message_from_bytes(mail))
    assert prove(mail, signature, rsa_key().public_key()) is Proof.unreadable
    assert signatures(message_from_bytes(b"DKIM-Signature: hola\r\n\r\n")) == []


def test_base64_in_a_key_may_have_spaces():
    text = published(rsa_key())
    head, _, value = text.partition("p=")
    spaced = f"{head}p={' '.join(value[at : at + 60] for at in range(0, len(value), 60))}"
    assert read_key(spaced).bits == 2048
    assert base64.b64decode(value)
