"""The rules of every kind of mail: transactional or not, its priority, and how often it is sent."""

from dataclasses import dataclass

from service.models.clients import ConsentPurpose
from service.models.outbox import MailKind, Priority


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one kind.

    `is_transactional`: the reader asked for it or is owed it, so an opt-out does not stop it and it
    carries no List-Unsubscribe. `is_reminder`: it is threaded under an earlier mail.
    `goes_twice`: when nobody can know whether the server took it, it is sent once more with the
    same Message-ID (a lost one harms more than a double one); if not, it waits for a person.
    `purpose`: what a contact can object to separately (newsletter, greetings, check-ins).
    """

    is_transactional: bool
    is_reminder: bool = False
    goes_twice: bool = True
    to_team: bool = False
    priority: Priority = Priority.ordinary
    purpose: ConsentPurpose | None = None


_OWED = Rules(is_transactional=True)
_ASKED = Rules(is_transactional=False)
_REMINDER = Rules(is_transactional=False, is_reminder=True, goes_twice=False)
_WAITED_FOR = Rules(is_transactional=True, priority=Priority.urgent)
_CHECK_IN = Rules(is_transactional=False, purpose=ConsentPurpose.check_ins)
_BULK = Rules(
    is_transactional=False,
    goes_twice=False,
    priority=Priority.bulk,
    purpose=ConsentPurpose.newsletter,
)
_GREETING = Rules(
    is_transactional=False,
    goes_twice=False,  # one that is lost harms less than the same wishes twice
    priority=Priority.bulk,
    purpose=ConsentPurpose.greetings,
)
_ALERT = Rules(is_transactional=True, to_team=True, priority=Priority.urgent)

RULES: dict[MailKind, Rules] = {
    MailKind.thank_you: _OWED,
    MailKind.survey_invitation: _ASKED,
    MailKind.survey_reminder_1: _REMINDER,
    MailKind.survey_reminder_2: _REMINDER,
    MailKind.survey_resume: _WAITED_FOR,
    MailKind.answer_received: _WAITED_FOR,
    MailKind.testimonial_request: _ASKED,
    MailKind.testimonial_reminder: _REMINDER,
    MailKind.testimonial_link: _WAITED_FOR,
    MailKind.testimonial_edit: _OWED,
    MailKind.welcome_back: _OWED,
    MailKind.alert_new_answer: _ALERT,
    MailKind.alert_low_score: _ALERT,
    MailKind.alert_testimonial: _ALERT,
    MailKind.alert_door_open: _ALERT,
    MailKind.alert_mail_trouble: _ALERT,
    MailKind.password_link: _ALERT,
    MailKind.test_mail: _ALERT,
    MailKind.own_text: _ASKED,
    MailKind.closing_letter: _OWED,
    MailKind.door_open: _CHECK_IN,
    MailKind.newsletter: _BULK,
    MailKind.greeting: _GREETING,
}
