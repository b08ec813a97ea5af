"""Placeholders: a fixed set, checked when a text is saved, put in exactly and never computed."""

import re

import pytest
from flask_babel import force_locale
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.mail.kinds import RULES
from service.mail.rendering import placeholders
from service.mail.rendering.custom_texts import Text
from service.mail.rendering.text_drafts import check
from service.models import MailKind

KIND = MailKind.thank_you
INVITATION = MailKind.survey_invitation


@pytest.fixture(autouse=True)
def in_context(any_app):
    """The catalogs; the tests read the faults in English."""
    with force_locale("en"):
        yield


def body_faults(body: str, kind: MailKind = KIND, **more) -> list[tuple[int, str]]:
    return [(fault.line, fault.words) for fault in check(Text("Hola", body), kind, **more).body]


def subject_faults(subject: str) -> list[str]:
    return [fault.words for fault in check(Text(subject, "Hola"), KIND).subject]


def test_a_text_with_known_placeholders_may_be_saved():
    body = "Hola, {{ first_name }}, de {{company}}:\n\nhasta el {{  end_date }}.\n\n{{ door_link }}"
    assert not check(Text("Gracias, {{ first_name }}", body), KIND)


def test_an_unknown_placeholder_is_refused_with_its_line_and_the_one_that_was_meant():
    assert body_faults("Hola\n\n{{ frist_name }}") == [
        (3, "There is no placeholder {{ frist_name }}. Did you mean {{ first_name }}?")
    ]


@pytest.mark.parametrize(
    "computed",
    [
        "{{ 7 * 7 }}",
        "{{ config }}",
        "{{ first_name.upper() }}",
        "{{ ''.__class__ }}",
        "{{}}",
        "{{ first_name | safe }}",
        "{{ FIRST_NAME }}",
        "{{ first\u200b_name }}",
    ],
)
def test_nothing_can_be_computed(computed):
    assert len(body_faults(f"Hola {computed}")) == 1
    assert placeholders.with_slots(computed, KIND) == computed


@pytest.mark.parametrize("open_", ["{{ first_name", "first_name }}", "{{ first_name\n}}", "{{{{"])
def test_braces_that_open_or_close_nothing_are_refused(open_):
    assert "Two braces open or close nothing" in body_faults(f"Hola {open_}")[0][1]


def test_a_placeholder_of_another_mail_is_refused():
    assert body_faults("{{ survey_link }}") == [(1, "This mail has no {{ survey_link }}.")]


def test_a_mail_that_is_for_a_link_needs_it():
    assert body_faults("Hola\nadiós", INVITATION) == [
        (2, "This mail needs {{ score_scale }} or {{ survey_link }}: without it, it leads nowhere.")
    ]
    assert body_faults("{{ survey_link }}", INVITATION) == []


def test_the_scale_and_the_signature_stand_alone_on_their_line():
    assert body_faults("Gracias, {{ signature }}") == [
        (1, "{{ signature }} must stand alone on its line.")
    ]


def test_a_subject_is_one_line_without_links():
    assert subject_faults("Hola\r\nBcc: x@evil.example") == [
        "A subject is one line: take the line break out."
    ]
    assert subject_faults("Hola\u2028Bcc: x@evil.example") != []
    assert subject_faults("Mira {{ door_link }}") == [
        "{{ door_link }} can stand in the text, not in the subject."
    ]
    assert subject_faults(" ") == ["Write a subject."]
    assert subject_faults("x" * 121) == ["Shorten it to 120 characters."]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("Hola\n\n[a](javascript:alert(1))", 3),
        ("[a](ftp://x.example/y)", 1),
        ("hola\n[a](//evil.example)", 2),
        ("<javascript:alert(1)>", 1),
        ("[a](https://x.example/?n={{ first_name }})", 1),
        ("[a]({{ first_name }})", 1),
        ("hola\n\n![a](https://evil.example/pixel.gif)", 3),
        ("hola\n\n- a\n- [b](data:text/html,x)", 4),
    ],
)
def test_addresses_that_do_not_lead_to_a_page_or_a_mail_are_named_by_line(body, line):
    assert [found for found, _ in body_faults(body)] == [line]


def test_a_picture_of_the_service_is_welcome():
    def hosted(url):
        return url.startswith("http://localhost/media/")

    assert body_faults("![a](http://localhost/media/x.png)", is_hosted=hosted) == []


def test_a_megabyte_is_refused_by_its_length_alone():
    assert body_faults("[" * 1_000_000) == [
        (1, "Shorten it to 20000 characters: now it has 1000000.")
    ]
    assert body_faults("a" * 20_000) == []


def test_thousands_of_faults_are_found_in_no_time_and_the_first_are_shown():
    assert len(body_faults("{{ x }}" * 2_800)) == 20


def test_every_kind_to_clients_has_placeholders_and_none_to_the_team():
    for kind in MailKind:
        assert bool(placeholders.of(kind)) is not RULES[kind].to_team


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.sampled_from([one.written for one in placeholders.ALL])
        | st.text(st.sampled_from(list("{} \n[]()x_#%|.\u202e\x00")), max_size=12)
        | st.text(max_size=20)
    ).map("".join)
)
def test_a_check_never_raises_and_substitution_is_exact(text):
    for kind in (KIND, INVITATION):
        check(Text(text, text), kind)
        slots = {
            one.name: placeholders.with_slots(one.written, kind) for one in placeholders.of(kind)
        }
        pieces = re.split(r"\{\{\s*(" + "|".join(slots) + r")\s*\}\}", text)
        expected = [slots[piece] if place % 2 else piece for place, piece in enumerate(pieces)]
        assert placeholders.with_slots(text, kind) == "".join(expected)
