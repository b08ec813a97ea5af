"""A mail that carries everything a newsletter must carry: to be looked at, and to be sent to us."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from email import message_from_bytes

from service.doctor import places
from service.doctor.findings import Check, Finding, Remedy, bad, good, warning
from service.doctor.findings import phrase as _l
from service.mail.delivery.smtp import Message
from service.mail.rendering import lint, rendering
from service.mail.rendering.rendering import CompanyFacts, Rendering
from service.mail.rendering.samples import sample
from service.models import MailKind, TeamMember

KIND = MailKind.survey_invitation
CLIPPED_AT = 102 * 1024  # octets; Gmail hides what comes after


@dataclass(frozen=True, slots=True)
class Letter:
    """A sample of a kind that one can unsubscribe from, rendered; its links lead nowhere."""

    rendering: Rendering

    def octets(self, message_id: str, to: str, mark: str = "") -> bytes:
        """Return the mail as it goes out to `to`, with `mark` behind its subject."""
        subject = f"{self.rendering.subject} {mark}".strip()
        mail = replace(self.rendering, to=("", to), message_id=message_id, subject=subject)
        return Message(**{each.name: getattr(mail, each.name) for each in fields(mail)}).as_bytes()


def a_letter(facts: CompanyFacts, sender: str) -> Letter:
    """Return the letter as it would go out from `sender`; raises Unwritable or BadHeader."""
    signer = TeamMember(name=facts.company.name, email=sender, is_active=True)
    context = sample(KIND, facts.company.language, signer, facts.company)
    rendered = rendering.render_context(context, replace(facts, address=sender))
    return Letter(replace(rendered, reply_to=None))


def check(letter: Letter, sender: str, *, production: bool) -> Iterator[Finding]:
    """Yield how the unsubscribe headers (RFC 8058) and the size of a mail stand."""
    octets = letter.octets(f"<sample@{sender.rpartition('@')[2]}>", sender)
    try:
        lint.check(octets, KIND)
    except lint.Unfit as unfit:
        yield bad(
            Check.unsubscribe, _l("The sample mail is not fit to go: %(why)s.", why=str(unfit))
        )
        return
    value = str(message_from_bytes(octets)["List-Unsubscribe"])
    yield _one_click(value, production=production)
    figures = {"size": len(octets) // 1024 + 1, "most": CLIPPED_AT // 1024}
    if len(octets) < CLIPPED_AT:
        yield good(
            Check.size,
            _l("The sample mail has %(size)s KB; Gmail cuts mails off at %(most)s.", **figures),
        )
    else:
        yield bad(
            Check.size,
            _l("The sample mail has %(size)s KB; Gmail cuts mails off at %(most)s.", **figures),
            Remedy(places.COMPANY, _l("Use a smaller logo, or none.")),
        )


def _one_click(value: str, *, production: bool) -> Finding:
    if re.match(r"<https://", value):
        words = _l(
            "Mails that nobody asked for carry List-Unsubscribe (https and mailto) and "
            "List-Unsubscribe-Post, unencoded, as RFC 8058 wants it."
        )
        return good(Check.unsubscribe, words)
    words = _l(
        "The unsubscribe link in List-Unsubscribe is not https, so mail programs show no button."
    )
    remedy = Remedy(places.SETTINGS, _l("Set BASE_URL to an address that begins with https://."))
    return (bad if production else warning)(Check.unsubscribe, words, remedy)
