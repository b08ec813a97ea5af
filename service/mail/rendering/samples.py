"""A sample mail of every kind, for previews: rows that are never added to the database.

They have all the values of a saved row, defaults included.
"""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, TypeVar

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import inspect

from service.clock import now, today
from service.extensions import Model
from service.mail.kinds import RULES
from service.mail.rendering.placeholders import OF_NO_DEPARTURE
from service.mail.rendering.related_rows import MailContext
from service.models import (
    Channel,
    Client,
    Company,
    Contact,
    DayPart,
    Departure,
    Invitation,
    InvitationKind,
    MailKind,
    MailState,
    NewsletterIssue,
    OutboxMessage,
    PasswordLink,
    Reason,
    Response,
    TalkRequest,
    TeamMember,
    Testimonial,
)
from service.models.clients import name_key
from service.yearly import in_year, key_of

Row = TypeVar("Row", bound=Model)

NOWHERE = "sample"  # the id in the links of a preview: no row has it
DAYS_TO_THE_END = {
    MailKind.thank_you: timedelta(days=20),
    MailKind.door_open: timedelta(days=-31),
}
NO_MAIL = "A" * 22  # sixteen zero octets: the form of a mail's public id, and no mail has it


def sample(
    kind: MailKind,
    language: str,
    sender: TeamMember,
    company: Company,
    like: Departure | None = None,
) -> MailContext:
    """Return a context for a mail of `kind`, signed by (or to) `sender`.

    It has the names and dates of `like`; its links lead nowhere all the same. Of nobody's, the
    days are those on which such a mail most often goes.
    """
    with force_locale(language):
        departure = _departure(kind, sender, company, like, language)
        row = _whole(
            OutboxMessage,
            public_id=NO_MAIL,
            key=f"sample:{kind}",
            kind=kind,
            language=language,
            departure=departure,
            priority=RULES[kind].priority,
            due_at=now(),
        )
        if kind.value in OF_NO_DEPARTURE:
            row.departure = None
        if RULES[kind].is_reminder:
            row.reply_to = _whole(
                OutboxMessage,
                key="sample",
                kind=kind,
                language=language,
                due_at=now(),
                state=MailState.sent,
                ended_at=now() - timedelta(days=3),
            )
        if kind is MailKind.alert_mail_trouble:
            row.departure, row.context = None, _trouble()
        if RULES[kind].to_team:
            row.member = sender
        else:
            row.contact, row.sender = departure.contact, sender
        closes_at = now() + timedelta(days=60)
        survey, testimonial = (
            _whole(
                Invitation, public_id=NOWHERE, departure=departure, kind=what, closes_at=closes_at
            )
            for what in (InvitationKind.survey, InvitationKind.testimonial)
        )
        return MailContext(
            row,
            responsible=departure.responsible,
            invitation=survey,
            testimonial_invitation=testimonial,
            response=_response(departure, language, failed=kind is MailKind.alert_low_score),
            testimonial=_testimonial(departure, language),
            link=_whole(PasswordLink, public_id=NOWHERE, expires_at=now() + timedelta(days=2)),
            issue=_whole(NewsletterIssue, public_id=NOWHERE, number=1, due_at=now(), texts={}),
            talk_request=_talk_request(departure) if kind is MailKind.alert_door_open else None,
        )


def _whole(model: type[Row], **values: Any) -> Row:
    """Return a row with `values`, and with the defaults that saving would give it."""
    row = model(**values)
    context = SimpleNamespace(get_current_parameters=lambda: values)  # what defaults may ask
    for attribute in inspect(model).column_attrs:
        default: Any = attribute.columns[0].default
        if default is not None and getattr(row, attribute.key) is None:
            given = default.arg(context) if default.is_callable else default.arg
            setattr(row, attribute.key, given)
    return row


def _talk_request(departure: Departure) -> TalkRequest:
    return _whole(
        TalkRequest,
        public_id=NOWHERE,
        contact=departure.contact,
        asked_on=now().date(),
        asked_at=now(),
        changed_at=now(),
        message=_("Could we talk about the new shop?"),
        channel=Channel.phone,
        phone="600 000 001",
        day_part=DayPart.morning,
        suits=_("Not on Friday."),
    )


def _trouble() -> dict[str, Any]:
    """Return the figures of mail/delivery/health.py that the row of such an alert carries."""
    since = (now() - timedelta(minutes=20)).isoformat()
    words = "Connection refused"
    return {"trouble": "server", "since": since, "count": 12, "of": 0, "words": words}


def _departure(
    kind: MailKind, viewer: TeamMember, company: Company, like: Departure | None, language: str
) -> Departure:
    day = today(company.time_zone)
    end_on = day + DAYS_TO_THE_END.get(kind, timedelta(days=-1))
    three_years_ago = in_year(key_of(day), day.year - 3)
    named = like.responsible if like else None
    client_name = like.client.name if like else "Bodegas Ruy Díaz"
    client = _whole(
        Client,
        public_id=NOWHERE,
        name=client_name,
        name_key=name_key(client_name),
        started_on=like.client.started_on if like else three_years_ago,
    )
    contact = _whole(
        Contact,
        public_id=NOWHERE,
        client=client,
        name=like.contact.name if like else "Jimena Ruy Díaz",
        email="jimena@ruydiaz.example",
        email_key="jimena@ruydiaz.example",
        language=language,
        phone="600 000 000",
        birthday=key_of(day),
        time_zone=company.time_zone,
    )
    return _whole(
        Departure,
        public_id=NOWHERE,
        client=client,
        contact=contact,
        responsible=named if named and named.is_active else viewer,
        service=like.service if like else _("Online shop"),
        end_on=like.end_on if like else end_on,
    )


def _response(departure: Departure, language: str, *, failed: bool) -> Response:
    response = _whole(
        Response,
        public_id=NOWHERE,
        departure=departure,
        language=language,
        saved_at=now(),
        submitted_at=now(),
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


def _testimonial(departure: Departure, language: str) -> Testimonial:
    return _whole(
        Testimonial,
        public_id=NOWHERE,
        departure=departure,
        language=language,
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
