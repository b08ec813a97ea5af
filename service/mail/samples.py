"""A mail of every kind as it could be, for previews: rows that are never added to the database."""

from datetime import timedelta
from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _

from service.clock import now, today
from service.mail.health import Trouble, TroubleKind
from service.mail.kinds import RULES
from service.mail.placeholders import OF_NO_DEPARTURE
from service.mail.topics import Topic
from service.models import (
    Channel,
    Client,
    Company,
    Contact,
    Conversation,
    DayPart,
    Departure,
    Invitation,
    InvitationKind,
    MailKind,
    OutboxMessage,
    Provider,
    ProviderLink,
    Reason,
    Response,
    Testimonial,
)

NOWHERE = "sample"  # the id in the links of a preview: no row has it


def sample(
    kind: MailKind,
    language: str,
    sender: Provider,
    house: Company,
    like: Departure | None = None,
) -> Topic:
    """Return a topic for a mail of `kind`, signed by (or to) `sender`.

    `like` is whose names and dates it has; its links lead nowhere all the same.
    """
    with force_locale(language):
        departure = _departure(sender, house, like)
        row = OutboxMessage(kind=kind, language=language, departure=departure, context={})
        if kind.value in OF_NO_DEPARTURE:
            row.departure = None
        if kind is MailKind.alert_mail_trouble:
            row.departure, row.context = None, _trouble()
        if RULES[kind].to_provider:
            row.provider = sender
        else:
            row.contact, row.sender = departure.contact, sender
        closes_at = now() + timedelta(days=60)
        survey, testimonial = (
            Invitation(public_id=NOWHERE, departure=departure, kind=what, closes_at=closes_at)
            for what in (InvitationKind.survey, InvitationKind.testimonial)
        )
        return Topic(
            row,
            invitation=survey,
            testimonial_invitation=testimonial,
            response=_response(departure, failed=kind is MailKind.alert_low_score),
            testimonial=_testimonial(departure),
            link=ProviderLink(public_id=NOWHERE, expires_at=now() + timedelta(days=2)),
            conversation=_conversation(departure) if kind is MailKind.alert_door_open else None,
        )


def _conversation(departure: Departure) -> Conversation:
    return Conversation(
        public_id=NOWHERE,
        contact=departure.contact,
        message=_("Could we talk about the new shop?"),
        channel=Channel.phone,
        phone="600 000 001",
        day_part=DayPart.morning,
        suits=_("Not on Friday."),
    )


def _trouble() -> dict[str, Any]:
    since = now() - timedelta(minutes=20)
    return Trouble(TroubleKind.server, since, 12, words="Connection refused").figures


def _departure(responsible: Provider, house: Company, like: Departure | None) -> Departure:
    three_years_ago = today(house.time_zone) - timedelta(days=3 * 366)
    client = Client(
        name=like.client.name if like else "Bodegas Ruy Díaz",
        started_on=like.client.started_on if like else three_years_ago,
    )
    contact = Contact(
        public_id=NOWHERE,
        client=client,
        name=like.contact.name if like else "Jimena Ruy Díaz",
        email="jimena@ruydiaz.example",
        phone="600 000 000",
    )
    return Departure(
        public_id=NOWHERE,
        client=client,
        contact=contact,
        responsible=(like and like.responsible) or responsible,
        service=like.service if like else _("Online shop"),
        end_on=like.end_on if like else today(house.time_zone) - timedelta(days=1),
    )


def _response(departure: Departure, *, failed: bool) -> Response:
    response = Response(
        public_id=NOWHERE,
        departure=departure,
        score=4 if failed else 9,
        satisfaction=2 if failed else 5,
        handover=3 if failed else 5,
        return_likelihood=2 if failed else 8,
        valued_most=_("That you always told us how things stood."),
        to_improve=_("In summer we waited too long for an answer."),
        comment="",
    )
    response.reasons = {Reason.customer_service} if failed else {Reason.in_house}
    return response


def _testimonial(departure: Departure) -> Testimonial:
    return Testimonial(
        public_id=NOWHERE,
        departure=departure,
        quote=_(
            "They looked after our shop for three years as if it were theirs. When we left, they "
            "handed over everything in order, and without hurry."
        ),
        edited_quote=_("They looked after our shop for three years as if it were theirs."),
        display_name="Jimena Ruy Díaz",
        display_role="",
        display_company="Bodegas Ruy Díaz",
        publish_website=True,
        publish_brochure=False,
        publish_social=True,
    )
