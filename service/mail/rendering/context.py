"""What a mail says: the words that fill its compiled template, and the choices between sentences.

Works on rows already loaded (see related_rows.py). Clients' words are cut: a mail stays small.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from flask_babel import (
    force_locale,
    format_date,
    format_datetime,
    format_decimal,
    gettext,
    ngettext,
)

from service.clock import today
from service.labels import channel_name, day_part_name, label
from service.mail import links
from service.mail.rendering.related_rows import MailContext
from service.mail.rendering.sanitize import one_line, quoted
from service.models import (
    Client,
    Company,
    Contact,
    Departure,
    MailKind,
    Reason,
    Response,
    TalkRequest,
    TeamMember,
    Testimonial,
)
from service.models.greetings import Occasion
from service.models.yearly import years_since

QUOTE_OCTETS = 1600  # per quotation; three of them, in two parts, encoded, fit below 60 kB
BUDGET = frozenset({Reason.price, Reason.budget_cut, Reason.cheaper_competitor})
SILENT = frozenset({Reason.values_fit, Reason.ended_by_us, Reason.other})

# The link without which a mail of this kind would make no sense.
LINK = {
    MailKind.survey_invitation: "survey_url",
    MailKind.survey_reminder_1: "survey_url",
    MailKind.survey_reminder_2: "survey_url",
    MailKind.survey_resume: "answer_url",
    MailKind.answer_received: "answer_url",
    MailKind.testimonial_request: "testimonial_url",
    MailKind.testimonial_reminder: "testimonial_url",
    MailKind.testimonial_link: "quote_url",
    MailKind.testimonial_edit: "quote_url",
    MailKind.alert_new_answer: "departure_url",
    MailKind.alert_low_score: "departure_url",
    MailKind.alert_testimonial: "moderation_url",
    MailKind.alert_door_open: "talk_request_url",
    MailKind.alert_mail_trouble: "deliveries_url",
    MailKind.password_link: "password_url",
    MailKind.test_mail: "previews_url",
    MailKind.door_open: "door_url",
    MailKind.newsletter: "view_url",
}


class Unwritable(Exception):
    """A mail that cannot be written: what it speaks of is gone, or would break its header."""


@dataclass(slots=True)
class Content:
    """The words of one mail. `choices` are few and fixed: each needs its own compiled template."""

    words: dict[str, str] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)


def content(context: MailContext, company: Company) -> Content:
    """Return what the mail about `context` says; raises Unwritable without the link it is for."""
    said = Content()
    if context.row.contact:
        _add_client_side(said, context, context.row.contact, company)
    elif context.row.member:
        _add_team_side(said, context, context.row.member, company)
    if context.custom_text and context.custom_text.is_counted:
        said.choices["is_counted"] = "yes"
    _add_link(said, context)
    said.words = {name: words for name, words in said.words.items() if words}
    return said


def _add_client_side(
    said: Content, context: MailContext, contact: Contact, company: Company
) -> None:
    departure, language = context.row.departure, context.row.language
    said.words["reader_name"] = one_line(contact.first_name)
    said.words["preferences_url"] = links.preferences(contact)
    if context.responsible:
        said.words["responsible"] = one_line(context.responsible.name)
    if context.invitation:
        closing = context.invitation.closes_at.astimezone(company.zone).date()
        said.words["closes_day"] = day_in_words(closing, language)
    if departure and departure.end_on:
        said.words["end_day"] = day_in_words(departure.end_on, language)
        if context.row.kind is MailKind.thank_you and departure.end_on > today(company.time_zone):
            said.choices["ends_later"] = "yes"
    if context.row.kind is MailKind.testimonial_request and context.response:
        said.choices["why_left"] = why_left(context.response.reasons)
    if context.row.kind is MailKind.testimonial_edit and context.testimonial:
        said.words["edited_quote"] = quoted(context.testimonial.edited_quote, QUOTE_OCTETS)
    if context.row.kind is MailKind.greeting:
        _add_greeting(said, context, contact, company)


def _add_greeting(said: Content, context: MailContext, contact: Contact, company: Company) -> None:
    due_at, start = context.row.due_at, contact.client.started_on
    day = due_at.astimezone(company.zone).date() if due_at else today(company.time_zone)
    said.choices["occasion"] = (context.row.context or {}).get("occasion", Occasion.season)
    said.words["years"] = years_in_words(
        years_since(start, day) if start else 0, context.row.language
    )


def _add_team_side(
    said: Content, context: MailContext, member: TeamMember, company: Company
) -> None:
    said.words["reader_name"] = one_line(member.name).partition(" ")[0]
    if context.row.departure:
        _add_departure(said, context.row.departure)
        if context.row.departure.responsible is member:
            said.choices["is_responsible"] = "yes"
    with force_locale(context.row.language):
        if context.talk_request:
            _add_talk_request(said, context.talk_request, context.row.departure, member)
        if context.row.kind is MailKind.alert_mail_trouble:
            _add_trouble(said, context.row.context, company)
        if context.response:
            _add_answer(said, context.response)
        if context.testimonial:
            _add_testimonial(said, context.testimonial)
        if context.link:
            said.words["expires"] = _moment_in_words(context.link.expires_at, company)


def _add_link(said: Content, context: MailContext) -> None:
    name = LINK.get(context.row.kind)
    if name is None:
        return
    made: dict[str, tuple[Any, Callable[[Any], str]]] = {
        "survey_url": (context.invitation, links.survey),
        "answer_url": (context.response, links.answer),
        "testimonial_url": (context.testimonial_invitation, links.testimonial),
        "departure_url": (context.row.departure, links.departure),
        "talk_request_url": (context.talk_request, links.talk_request),
        "quote_url": (context.testimonial, links.quote),
        "moderation_url": (context.testimonial, links.moderation),
        "password_url": (context.link, links.password),
        "door_url": (context.row.contact, lambda contact: links.talk(contact, context.row)),
        "view_url": (context.issue, links.issue),
        "previews_url": (context.row, lambda _: links.previews()),
        "deliveries_url": (context.row, lambda _: links.deliveries()),
    }
    target, link = made[name]
    if target is None:
        raise Unwritable(f"there is nothing that {name} could lead to")
    said.words[name] = link(target)


def why_left(reasons: set[Reason]) -> str:
    """Return which sentence speaks of why the client left; empty when none would be right."""
    if not reasons or any(reason.is_about_quality for reason in reasons) or reasons & SILENT:
        return ""
    if Reason.in_house in reasons:
        return "in_house"
    return "needs" if Reason.needs_changed in reasons else "budget"


@lru_cache(maxsize=1024)
def day_in_words(day: date, language: str) -> str:
    """Return a day as people say it: "martes 24 de noviembre"."""
    with force_locale(language):
        return str(format_date(day, gettext("EEEE, d MMMM")))


@lru_cache(maxsize=256)
def years_in_words(years: int, language: str) -> str:
    """Return a number of years so that it fits "… ago"; of none, or an unknown one, as well."""
    with force_locale(language):
        if not years:
            return str(gettext("some time"))
        return str(ngettext("one year", "%(num)d years", years))


def _add_departure(said: Content, departure: Departure) -> None:
    _add_contact(said, departure.contact, departure.client)


def _add_contact(said: Content, contact: Contact, client: Client) -> None:
    said.words |= {
        "client": one_line(client.name),
        "contact": one_line(contact.name),
        "contact_phone": one_line(contact.phone),
        "contact_email": one_line(contact.email),
    }


def _add_talk_request(
    said: Content, talk_request: TalkRequest, departure: Departure | None, member: TeamMember
) -> None:
    """Add what a contact says who would like to talk; of them there may be no departure."""
    contact = talk_request.contact
    _add_contact(said, contact, contact.client)
    if departure is None:
        said.choices["is_without_departure"] = "yes"
        if contact.client.responsible_id == member.id:
            said.choices["is_responsible"] = "yes"
    part = day_part_name(talk_request.day_part) if talk_request.day_part else ""
    said.words |= {
        "message": quoted(talk_request.message, QUOTE_OCTETS),
        "channel": channel_name(talk_request.channel) if talk_request.channel else "",
        "given_phone": one_line(talk_request.phone),
        "suits": ", ".join(words for words in (part, one_line(talk_request.suits)) if words),
    }


def _add_answer(said: Content, response: Response) -> None:
    figures = ("score", "satisfaction", "handover", "return_likelihood")
    for name in figures:
        figure: int | None = getattr(response, name)
        said.words[name] = "" if figure is None else str(figure)
    for name in ("valued_most", "to_improve", "comment"):
        said.words[name] = quoted(getattr(response, name), QUOTE_OCTETS)
    given = sorted(response.reasons, key=list(Reason).index)
    said.words["reasons"] = ", ".join(label(reason) for reason in given)


def _add_trouble(said: Content, figures: Mapping[str, Any], company: Company) -> None:
    said.choices["trouble"] = figures["trouble"]
    said.words |= {
        "since": _moment_in_words(datetime.fromisoformat(figures["since"]), company),
        "count": format_decimal(figures["count"]),
        "of": format_decimal(figures["of"]),
        "server_words": one_line(figures["words"]),
    }


def _moment_in_words(moment: datetime, company: Company) -> str:
    local = moment.astimezone(company.zone)
    return str(format_datetime(local, gettext("EEEE, d MMMM, HH:mm"), rebase=False))


def _add_testimonial(said: Content, testimonial: Testimonial) -> None:
    signed = (testimonial.display_name, testimonial.display_role, testimonial.display_company)
    places = {
        gettext("the website"): testimonial.publish_website,
        gettext("brochures"): testimonial.publish_brochure,
        gettext("social media"): testimonial.publish_social,
    }
    said.words |= {
        "quote": quoted(testimonial.quote, QUOTE_OCTETS),
        "shown_as": ", ".join(one_line(part) for part in signed if part),
        "shown_where": ", ".join(place for place, is_allowed in places.items() if is_allowed),
    }
