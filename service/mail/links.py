"""The addresses in mails. They begin with BASE_URL, never with the host of a request."""

import re
from hashlib import sha256
from typing import Protocol

from service.current import settings, sign
from service.models import (
    ConsentPurpose,
    Contact,
    Departure,
    Invitation,
    NewsletterIssue,
    OutboxMessage,
    PasswordLink,
    Response,
    TalkRequest,
    TeamMember,
    Testimonial,
)
from service.tokens import Purpose

# How the path of a link with a token begins.
BEGINS = {
    Purpose.survey: "/s/",
    Purpose.answer: "/r/",
    Purpose.testimonial: "/t/",
    Purpose.quote: "/q/",
    Purpose.preferences: "/p/",
    Purpose.talk: "/d/",
    Purpose.password: "/password/",
}


class Named(Protocol):
    """A row that a link can name."""

    @property
    def public_id(self) -> str:
        """The id that a token holds."""


def path_of(purpose: Purpose, of: Named) -> str:
    """Return the path of the link that names `of` for `purpose`, without BASE_URL."""
    return BEGINS[purpose] + sign(purpose, of.public_id)


def survey(invitation: Invitation) -> str:
    """Return the link that answers the survey; it never shows earlier answers."""
    return _page(path_of(Purpose.survey, invitation))


def answer(response: Response) -> str:
    """Return the link that shows an answer and changes it."""
    return _page(path_of(Purpose.answer, response))


def testimonial(invitation: Invitation) -> str:
    """Return the link that writes or withdraws a testimonial; it never shows an earlier one."""
    return _page(path_of(Purpose.testimonial, invitation))


def quote(of: Testimonial) -> str:
    """Return the link by which the author of a testimonial sees, changes and confirms it."""
    return _page(path_of(Purpose.quote, of))


def preferences(contact: Contact) -> str:
    """Return the link to the mail preferences; it never expires."""
    return _page(path_of(Purpose.preferences, contact))


def one_click(preferences_link: str, purpose: ConsentPurpose | None = None) -> str:
    """Return the address that unsubscribes by one POST (RFC 8058), of one purpose or of all."""
    return f"{preferences_link}/one-click" + (f"?purpose={purpose}" if purpose else "")


def talk(contact: Contact, mail: OutboxMessage | None = None) -> str:
    """Return the link by which a contact asks to talk; it names the `mail` it is in, if any."""
    named = f"?m={mark(mail)}" if mail is not None and mail.public_id else ""
    return _page(path_of(Purpose.talk, contact) + named)


def mark(mail: OutboxMessage) -> str:
    """Return a short name of a mail, unique among those to one reader, that gives nothing away.

    It is a part of a hash, from which the public id cannot be found: that is in the Message-ID and
    proves that a bounce is about this mail.
    """
    return sha256(mail.public_id.encode()).hexdigest()[:12]


def talk_request(of: TalkRequest) -> str:
    """Return the provider's page of a talk request."""
    return _page(f"/conversations/{of.public_id}")


def issue(of: NewsletterIssue) -> str:
    """Return where an issue of a newsletter is read in the browser; the same for every reader."""
    return _page(f"/n/{of.public_id}")


def counted(of: NewsletterIssue, number: int) -> str:
    """Return the address by which a counted link of an issue goes; the same for every reader."""
    return f"{issue(of)}/{number}"


def calendar(member: TeamMember) -> str:
    """Return the address of a team member's calendar, who must have a calendar key."""
    return _page(f"/calendar/{sign(Purpose.calendar, member.calendar_key or '')}.ics")


def password(link: PasswordLink) -> str:
    """Return the link that chooses a password, once."""
    return _page(path_of(Purpose.password, link))


def departure(of: Departure) -> str:
    """Return the provider's page of a departure."""
    return _page(f"/departures/{of.public_id}")


def recovery(of: Departure) -> str:
    """Return the provider's page of what went wrong in a departure."""
    return _page(f"/recoveries/{of.public_id}")


def contact(of: Contact) -> str:
    """Return the provider's page that changes a contact."""
    return _page(f"/clients/contacts/{of.public_id}")


def telephone(number: str) -> str:
    """Return the link that calls `number` (RFC 3966); empty for what is no number."""
    digits = re.sub(r"[ ()./-]", "", number)
    return f"tel:{digits}" if re.fullmatch(r"\+?[0-9]{3,20}", digits) else ""


def moderation(of: Testimonial) -> str:
    """Return the provider's page of a testimonial."""
    return _page(f"/testimonials/{of.public_id}")


def deliveries() -> str:
    """Return the provider's page that shows what became of the mails."""
    return _page("/deliveries")


def previews() -> str:
    """Return the provider's page that shows every mail."""
    return _page("/mails")


def _page(path: str) -> str:
    return settings().base_url + path
