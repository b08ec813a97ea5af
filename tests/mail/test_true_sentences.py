"""No mail to a contact says what is not so: each is read in each state of a departure.

The state says what is so, in the words of claims.py; what a mail says is found in what it renders,
in both languages. A mail that the conditions stop at its claim would never be read, so is not here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from html import unescape
from itertools import product
from typing import Any

import pytest
import time_machine
from flask_babel import force_locale, gettext
from jinja2 import nodes

from service.clock import now
from service.config import LANGUAGES
from service.extensions import db
from service.mail.kinds import RULES
from service.mail.policy import conditions
from service.mail.rendering.messages import decoded
from service.mail.rendering.rendering import Rendering, render_many
from service.models import (
    Enrolment,
    InvitationKind,
    MailKind,
    MailState,
    OutboxMessage,
    Reason,
    Recovery,
    Stage,
    Testimonial,
)
from service.models.steps import NATURES
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT
from tests.builders import (
    a_client,
    a_company,
    a_contact,
    a_departure,
    a_member,
    a_response,
    added,
    an_invitation,
)
from tests.mail.claims import CLAIMS
from tests.mail.mails import an_issue

NOON = datetime.fromisoformat("2026-06-10T12:00:00+00:00")
TODAY = NOON.date()
TO_CONTACTS = [kind for kind in MailKind if not RULES[kind].to_team]
OF_DEPARTURES = [k for k in TO_CONTACTS if k not in (MailKind.newsletter, MailKind.greeting)]
STEPS = {step.kind: step.name for step in BUILT_INS[DEFAULT]}
UNASKED = {MailKind.survey_resume, MailKind.answer_received}  # there are none without an answer
ANSWERED = {"answered"}
PLAIN = {"read_by_the_signer", "told_to_the_signer", "their_wish", "open", "content"}


def days(count: int) -> date:
    return TODAY + timedelta(days=count)


@dataclass
class State:
    """A departure and its people, and what is `so` of them."""

    so: set[str]
    departure: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] | None = None
    asked: int | None = None  # days ago, of what a reminder reminds of
    others: list[dict[str, Any]] = field(default_factory=list)
    contact: dict[str, Any] = field(default_factory=dict)
    client: dict[str, Any] = field(default_factory=dict)
    kinds: list[MailKind] = field(default_factory=lambda: OF_DEPARTURES)
    at: datetime = NOON
    occasion: str = ""
    is_named: bool = True
    is_anybody_there: bool = True
    has_open_recovery: bool = False


WHOLE = {"whole", *PLAIN}
ENDED = {"ended", "dated", *WHOLE}
FAILED = {"score": 4, "reasons": {Reason.customer_service}, "to_improve": "Todo."}
BAD = (ENDED | {"answered"}) - {"content"}
STATES = {
    "no end date": State({"ending", *WHOLE}, {"end_on": None}),
    "closed without an end date": State(
        {"ending", "closed", *WHOLE}, {"end_on": None, "stage": Stage.closed}
    ),
    "it ends in three weeks": State({"ending", "dated", "ahead", *WHOLE}, {"end_on": days(21)}),
    "it ends tomorrow": State({"ending", "dated", "ahead", *WHOLE}, {"end_on": days(1)}),
    "it ends today": State({"ending", "dated", *WHOLE}, {"end_on": TODAY}),
    "it ended yesterday": State(ENDED, {"end_on": days(-1)}),
    "recorded a week late": State(ENDED, {"end_on": days(-7), "notice_on": days(-30)}),
    "it ended a month ago": State({"a_while_ago", *ENDED}, {"end_on": days(-31)}),
    "it ended last year": State({"a_while_ago", *ENDED}, {"end_on": days(-200)}),
    "history": State({"a_while_ago", *ENDED}, {"end_on": days(-400), "is_history": True}),
    "its last day is not over where they are": State(
        {"ending", "dated", *WHOLE},
        {"end_on": TODAY},
        contact={"time_zone": "America/Los_Angeles"},
        at=NOON + timedelta(hours=11),  # in Madrid it is tomorrow
    ),
    "its last day has begun where they are": State(
        {"ending", "dated", *WHOLE},
        {"end_on": days(1)},
        contact={"time_zone": "Asia/Tokyo"},
        at=NOON + timedelta(hours=6),  # in Tokyo it is tomorrow
    ),
    "ended by us": State(
        ENDED - {"their_wish"}, {"end_on": days(-1), "reasons": {Reason.ended_by_us}}
    ),
    "ended by us, later": State(
        {"ending", "dated", "ahead", *WHOLE} - {"their_wish"},
        {"end_on": days(9), "reasons": {Reason.ended_by_us}},
    ),
    "one service of three": State(
        {"ended", "dated", "part", *PLAIN},
        {"end_on": days(-31), "service": "SEO"},
        others=[{"service": "Web", "end_on": None}, {"service": "Mail", "end_on": days(60)}],
    ),
    "one of two, and the other one they keep": State(
        {"ending", "dated", "ahead", "part", *PLAIN},
        {"end_on": days(9), "service": "SEO"},
        others=[{"service": "Web", "end_on": days(-90), "stage": Stage.retained}],
    ),
    "one service of more, without an end date": State(
        {"ending", "part", "closed", *PLAIN},
        {"end_on": None, "service": "SEO", "stage": Stage.closed},
        client={"service": "Web"},
    ),
    "the last of three services": State(
        ENDED,
        {"end_on": days(-1), "service": "SEO"},
        others=[
            {"service": "Web", "end_on": days(-90)},
            {"service": "Mail", "end_on": None, "stage": Stage.closed},
        ],
        client={"service": "Web"},
    ),
    "asked three days ago": State({"asked", "a_few_days_ago", *ENDED}, asked=3),
    "asked three weeks ago": State({"asked", *ENDED}, asked=21),
    "asked yesterday": State({"asked", *ENDED}, asked=1),
    "a high score": State(ENDED | ANSWERED, answer={"score": 10}),
    "a high score, without words and long ago": State(
        ENDED | ANSWERED | {"a_while_ago", "asked"}, {"end_on": days(-60)}, {"score": 9}, 30
    ),
    "taken in-house": State(
        {"in_house", "asked", "a_few_days_ago"} | ENDED | ANSWERED,
        answer={"score": 9, "reasons": {Reason.in_house}},
        asked=5,
    ),
    "a middling score": State(
        {"budget"} | ENDED | ANSWERED, answer={"score": 7, "reasons": {Reason.price}}
    ),
    "another need": State(
        {"needs"} | ENDED | ANSWERED, answer={"score": 7, "reasons": {Reason.needs_changed}}
    ),
    "an answer that was not sent": State(
        ENDED,
        answer={"score": 8, "submitted_at": None, "reasons": {Reason.in_house}},
        kinds=[*NATURES, MailKind.survey_resume],
    ),
    "the survey has closed": State(
        (ENDED | ANSWERED | {"a_while_ago"}) - {"open"},
        answer={"score": 8},
        at=NOON + timedelta(days=90),
    ),
    "a low score, the recovery open": State(BAD, answer=FAILED, has_open_recovery=True),
    "a low score, long ago": State(BAD | {"a_while_ago"}, {"end_on": days(-60)}, FAILED),
    "they stayed": State({"ending", "dated", *PLAIN}, {"end_on": days(9), "stage": Stage.retained}),
    "they came back": State(
        {"ended", "dated", "returned", *PLAIN}, {"end_on": days(-60), "stage": Stage.returned}
    ),
    "one service of more, which ends on no day yet": State(
        {"ending", "part", *PLAIN}, {"end_on": None, "service": "SEO"}, client={"service": "Web"}
    ),
    "nobody is named": State(ENDED, is_named=False),
    "nobody of the team is left": State(
        ENDED - {"read_by_the_signer", "told_to_the_signer"},
        is_anybody_there=False,
        kinds=[MailKind.thank_you, MailKind.closing_letter, MailKind.own_text],
    ),
}
OF_GREETINGS = {
    "a birthday": State(
        {"birthday", "the_day", *PLAIN}, contact={"birthday": "06-10"}, occasion="birthday"
    ),
    "a birthday on Sunday, wished on Friday": State(
        {"birthday", *PLAIN}, contact={"birthday": "06-12"}, occasion="birthday"
    ),
    "a birthday that has come where they are": State(
        {"birthday", "the_day", *PLAIN},
        contact={"birthday": "06-11", "time_zone": "Asia/Tokyo"},
        occasion="birthday",
        at=NOON + timedelta(hours=6),
    ),
    "an anniversary": State(
        {"anniversary", "the_day", *PLAIN},
        client={"started_on": date(2023, 6, 10)},
        occasion="anniversary",
    ),
    "an anniversary on Sunday, written on Friday": State(
        {"anniversary", *PLAIN}, client={"started_on": date(2023, 6, 12)}, occasion="anniversary"
    ),
    "the end of the year": State(
        {"december", *PLAIN}, occasion="season", at=NOON + timedelta(days=191)
    ),
    "a day in summer": State(PLAIN, occasion="season"),
    "a newsletter": State(PLAIN, kinds=[MailKind.newsletter]),
}
for each in OF_GREETINGS.values():
    each.kinds = [MailKind.greeting] if each.occasion else each.kinds
STATES |= OF_GREETINGS


def rows_in(state: State) -> list[OutboxMessage]:
    """The mails of a state that its conditions let go, in both languages."""
    member = a_member(is_active=state.is_anybody_there)
    client = a_client(responsible_id=member.id, **state.client)
    contact = a_contact(client=client, **state.contact)
    departure = a_departure(
        contact=contact,
        responsible=member if state.is_named else None,
        **{"end_on": days(-1), **state.departure},
    )
    added(Enrolment(departure=departure, enrolled_at=NOON - timedelta(days=90)))
    for other in state.others:
        a_departure(contact=contact, **{"notice_on": days(-90), **other})
    for kind in InvitationKind:
        invitation = an_invitation(
            departure=departure, kind=kind, closes_at=NOON + timedelta(days=60)
        )
        if kind is InvitationKind.survey and state.answer is not None:
            a_response(invitation=invitation, **state.answer)
    if state.has_open_recovery:
        added(Recovery(departure=departure))
    rows = []
    for kind, language in product(state.kinds, LANGUAGES):
        if state.answer is not None or kind not in UNASKED:
            rows.append(_a_row(kind, language, departure, state))
        if RULES[kind].is_reminder and state.asked is not None:
            rows[-1].reply_to = _what_was_asked(rows[-1], state.asked)
    db.session.add_all(rows)
    db.session.flush()
    refused = conditions.reasons(rows, state.at)
    if any(kind in state.kinds for kind in (MailKind.testimonial_link, MailKind.testimonial_edit)):
        added(Testimonial(departure=departure, quote="Bien.", edited_quote="Bien.", language="es"))
    return [row for row in rows if row.id not in refused or row.kind is MailKind.greeting]


def _a_row(kind: MailKind, language: str, departure, state: State) -> OutboxMessage:
    row = OutboxMessage(
        key=f"{departure.id}:{kind}:{language}",
        kind=kind,
        language=language,
        contact=departure.contact,
        departure=departure if kind in OF_DEPARTURES else None,
        due_at=state.at,
        step=STEPS.get(kind),
        context={"occasion": state.occasion} if state.occasion else {},
    )
    if kind is MailKind.newsletter:
        row.issue_id = an_issue(counts_links=True).id
    return row


def _what_was_asked(reminder: OutboxMessage, ago: int) -> OutboxMessage:
    return OutboxMessage(
        key=f"what {reminder.key} reminds of",
        kind=MailKind.survey_invitation,
        language=reminder.language,
        contact=reminder.contact,
        due_at=reminder.due_at,
        state=MailState.sent,
        ended_at=now() - timedelta(days=ago),
    )


def said_in(mail: Rendering) -> str:
    """All that a mail says: subject, the line that mailboxes show, and the text."""
    preheader = re.search(r'class="preheader"[^>]*>([^<]*)', decoded(mail.html))
    return "\n".join(
        (mail.subject, unescape(preheader[1]) if preheader else "", decoded(mail.text))
    )


@pytest.fixture(scope="module")
def read(mails_app) -> Iterator[dict[tuple[str, MailKind, str], str]]:
    """What each mail says, by the state, its kind and its language."""
    found = {}
    with mails_app.app_context():
        db.create_all()
        for name, state in STATES.items():
            with time_machine.travel(state.at, tick=False):
                a_company()
                rows = rows_in(state)
                for row, mail in zip(rows, render_many(rows), strict=True):
                    assert isinstance(mail, Rendering), (name, row.kind, mail)
                    found[name, row.kind, row.language] = said_in(mail)
            db.session.rollback()
        db.session.remove()
        db.engine.dispose()
    return found


@pytest.fixture(scope="module")
def sentences(mails_app) -> dict[MailKind, list[str]]:
    """The sentences of each text in its file, in the order in which they stand."""
    environment = mails_app.jinja_env
    found = {}
    for kind in TO_CONTACTS:
        source = environment.loader.get_source(environment, f"email/{kind}/body.md")[0]
        calls = environment.parse(source).find_all(nodes.Call)
        found[kind] = [
            call.args[0].value
            for call in calls
            if isinstance(call.node, nodes.Name) and call.node.name == "_"
        ]
    return found


def is_said(sentence: str, language: str, words: str) -> bool:
    """Whether a mail says a sentence, whatever day or name it has in it."""
    with force_locale(language):
        parts = re.split(r"%\(\w+\)s", gettext(sentence))
    return re.search(r"(?<!\w)" + ".+?".join(map(re.escape, parts)) + r"(?!\w)", words) is not None


def test_every_sentence_says_what_it_claims_and_no_other_is_named(sentences):
    written = {sentence for found in sentences.values() for sentence in found}
    assert not written - set(CLAIMS), "say in tests/mail/claims.py which facts it claims"
    assert not set(CLAIMS) - written, "no mail says it any more"


@pytest.mark.parametrize("name", STATES)
def test_what_a_mail_says_is_so(name, read, sentences, mails_app):
    with mails_app.app_context():
        for (state, kind, language), words in read.items():
            if state != name:
                continue
            for sentence in sentences[kind]:
                if is_said(sentence, language, words):
                    untrue = set(CLAIMS.get(sentence, "").split()) - STATES[name].so
                    assert not untrue, f"{kind} in {language}: {sentence}\n\n{words}"


def test_every_sentence_is_said_in_some_state(read, sentences, mails_app):
    elsewhere = {
        "Answer the survey",  # where a mail has the scale, its text part has no button
        "Happy birthday",  # of nobody who has a name
        "This is what we sent by mail to those who know us.",
        "We count how often each of its links is opened: only the total, without names.",
    }
    with mails_app.app_context():
        for language in LANGUAGES:
            unsaid = {
                sentence
                for kind, found in sentences.items()
                for sentence in found
                if not any(
                    is_said(sentence, language, words)
                    for (_name, k, lang), words in read.items()
                    if (k, lang) == (kind, language)
                )
            }
            assert unsaid <= elsewhere, language
