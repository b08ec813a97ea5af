"""What a mail says: the values that fill its compiled template, and the choices between sentences.

Works on rows already loaded (see related_rows.py). Clients' texts are cut: a mail stays small.
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

from service.clock import now, today
from service.labels import channel_name, day_part_name, label
from service.mail import links
from service.mail.rendering import facts, placeholders
from service.mail.rendering.custom_texts import Text
from service.mail.rendering.related_rows import MailContext
from service.mail.rendering.sanitize import one_line, quoted
from service.models import (
    Client,
    Company,
    Contact,
    MailKind,
    Reason,
    Response,
    TalkRequest,
    TeamMember,
    Testimonial,
)
from service.models.greetings import Occasion, wishes_of

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
    MailKind.alert_low_score: "recovery_url",
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
    """The content of one mail: `values` fill its slots, `choices` decide between sentences.

    Choices are few and fixed, because each combination needs its own compiled template.
    """

    values: dict[str, str] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)


def content_of(context: MailContext, company: Company) -> Content:
    """Return the content of the mail about `context`; raises Unwritable without its main link."""
    content = Content()
    if context.row.contact:
        _add_client_side(content, context, context.row.contact, company)
    elif context.row.member:
        _add_team_side(content, context, context.row.member, company)
    if context.custom_text and context.custom_text.is_counted:
        content.choices["is_counted"] = "yes"
    if context.row.kind in LINK:
        content.values[LINK[context.row.kind]] = _main_link(context)
    content.values = {name: value for name, value in content.values.items() if value}
    return content


def _add_client_side(
    content: Content, context: MailContext, contact: Contact, company: Company
) -> None:
    row, values, choices = context.row, content.values, content.choices
    values["reader_name"] = one_line(contact.first_name)
    values["preferences_url"] = links.preferences(contact)
    if context.signer:
        values["responsible"] = one_line(context.signer.name)
    year = today(company.time_zone).year
    if context.invitation and context.invitation.closes_at > now():
        closing = context.invitation.closes_at.astimezone(company.zone).date()
        values["closes_day"] = day_in_words(closing, row.language, year)
    if row.departure and row.departure.end_on:
        values["end_day"] = day_in_words(row.departure.end_on, row.language, year)
    choices |= dict.fromkeys(facts.of(context, company), "yes")
    if row.departure and "is_part" in choices:
        values["service"] = one_line(row.departure.service)
    if row.kind is MailKind.testimonial_request and "has_answered" in choices and context.response:
        choices["why_left"] = why_left(context.response.reasons)
    if row.kind is MailKind.testimonial_edit and context.testimonial:
        values["edited_quote"] = quoted(context.testimonial.edited_quote, QUOTE_OCTETS)
    if row.kind is MailKind.greeting:
        years = facts.years_of(contact.client.started_on, today(company.time_zone))
        occasion = (row.context or {}).get("occasion", Occasion.season)
        choices["occasion"] = wishes_of(occasion, today(company.time_zone).month)
        values["years"] = years_in_words(years, row.language)


def _add_team_side(
    content: Content, context: MailContext, member: TeamMember, company: Company
) -> None:
    departure, values = context.row.departure, content.values
    values["reader_name"] = one_line(member.name).partition(" ")[0]
    if context.responsible is member:
        content.choices["is_responsible"] = "yes"
    if departure:
        _add_contact(content, departure.contact, departure.client)
    with force_locale(context.row.language):
        if context.talk_request:
            _add_talk_request(content, context, context.talk_request)
        if context.row.kind is MailKind.alert_mail_trouble:
            _add_trouble(content, context.row.context, company)
        if context.response:
            _add_answer(content, context.response)
        if context.testimonial:
            _add_testimonial(content, context.testimonial)
        if context.link:
            values["expires"] = _moment_in_words(context.link.expires_at, company)


def _main_link(context: MailContext) -> str:
    """Return the link without which the mail would make no sense; raises Unwritable."""
    name = LINK[context.row.kind]
    made: dict[str, tuple[Any, Callable[[Any], str]]] = {
        "survey_url": (context.invitation, links.survey),
        "answer_url": (context.response, links.answer),
        "testimonial_url": (context.testimonial_invitation, links.testimonial),
        "departure_url": (context.row.departure, links.departure),
        "recovery_url": (context.row.departure, links.recovery),
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
    return link(target)


def why_left(reasons: set[Reason]) -> str:
    """Return which sentence speaks of why the client left; empty when none would be right."""
    if not reasons or any(reason.is_about_quality for reason in reasons) or reasons & SILENT:
        return ""
    if Reason.in_house in reasons:
        return "in_house"
    return "needs" if Reason.needs_changed in reasons else "budget"


@lru_cache(maxsize=1024)
def day_in_words(day: date, language: str, this_year: int) -> str:
    """Return a day as people say it: "martes 24 de noviembre"; with the year if it is another."""
    with force_locale(language):
        if day.year == this_year:
            return str(format_date(day, gettext("EEEE, d MMMM")))
        return str(format_date(day, gettext("EEEE, d MMMM yyyy")))


@lru_cache(maxsize=256)
def years_in_words(years: int, language: str) -> str:
    """Return a number of years so that it fits "… ago"; of none, or an unknown one, as well."""
    with force_locale(language):
        if not years:
            return str(gettext("some time"))
        return str(ngettext("one year", "%(num)d years", years))


def _add_contact(content: Content, contact: Contact, client: Client) -> None:
    content.values |= {
        "client": one_line(client.name),
        "contact": one_line(contact.name),
        "contact_phone": one_line(contact.phone),
        "contact_email": one_line(contact.email),
        "contact_url": links.contact(contact),
        "phone_url": links.telephone(contact.phone),
    }


def _add_talk_request(content: Content, context: MailContext, talk_request: TalkRequest) -> None:
    """Add what a contact says who would like to talk; of them there may be no departure."""
    contact = talk_request.contact
    _add_contact(content, contact, contact.client)
    if context.row.departure is None:
        content.choices["is_without_departure"] = "yes"
    part = day_part_name(talk_request.day_part) if talk_request.day_part else ""
    content.values |= {
        "message": quoted(talk_request.message, QUOTE_OCTETS),
        "channel": channel_name(talk_request.channel) if talk_request.channel else "",
        "given_phone": one_line(talk_request.phone),
        "suits": ", ".join(words for words in (part, one_line(talk_request.suits)) if words),
    }


def _add_answer(content: Content, response: Response) -> None:
    figures = ("score", "satisfaction", "handover", "return_likelihood")
    for name in figures:
        figure: int | None = getattr(response, name)
        content.values[name] = "" if figure is None else str(figure)
    for name in ("valued_most", "to_improve", "comment"):
        content.values[name] = quoted(getattr(response, name), QUOTE_OCTETS)
    given = sorted(response.reasons, key=list(Reason).index)
    content.values["reasons"] = ", ".join(label(reason) for reason in given)


def _add_trouble(content: Content, figures: Mapping[str, Any], company: Company) -> None:
    content.choices["trouble"] = figures["trouble"]
    content.values |= {
        "since": _moment_in_words(datetime.fromisoformat(figures["since"]), company),
        "count": format_decimal(figures["count"]),
        "of": format_decimal(figures["of"]),
        "server_words": one_line(figures["words"]),
    }


def _moment_in_words(moment: datetime, company: Company) -> str:
    local = moment.astimezone(company.zone)
    return str(format_datetime(local, gettext("EEEE, d MMMM, HH:mm"), rebase=False))


def _add_testimonial(content: Content, testimonial: Testimonial) -> None:
    signed = (testimonial.display_name, testimonial.display_role, testimonial.display_company)
    places = {
        gettext("the website"): testimonial.publish_website,
        gettext("brochures"): testimonial.publish_brochure,
        gettext("social media"): testimonial.publish_social,
    }
    content.values |= {
        "quote": quoted(testimonial.quote, QUOTE_OCTETS),
        "shown_as": ", ".join(one_line(part) for part in signed if part),
        "shown_where": ", ".join(place for place, is_allowed in places.items() if is_allowed),
    }


def complete(
    values: Mapping[str, str], context: MailContext, custom_text: Text, our_name: str
) -> dict[str, str]:
    """Return `values` and the others that the placeholders of `custom_text` ask for.

    No value is ever missing: one that is not known of a reader is replaced by one that always
    fits.
    """
    found = dict(values)
    for name in _asked_for(custom_text, context.row.kind):
        if not found.get(name):
            found[name] = _value(name, context, our_name)
    return found


def _value(name: str, context: MailContext, our_name: str) -> str:
    contact, departure = context.row.contact, context.row.departure
    if name == "door_url" and contact:
        return links.talk(contact)
    known: dict[str, Any] = {
        "full_name": contact and contact.name,
        "client": contact and contact.client and contact.client.name,
        "our_name": our_name,
        "responsible": our_name,
        "service": departure and departure.service,
    }
    return one_line(known.get(name) or "") or _fitting(name, context.row.language)


@lru_cache(maxsize=256)
def _asked_for(custom_text: Text, kind: MailKind) -> tuple[str, ...]:
    """Return the names of the values that a text's placeholders ask for; found once per text."""
    used = placeholders.names_in(custom_text.subject) | placeholders.names_in(custom_text.body)
    asked = [one for one in placeholders.of(kind) if one.name in used and not one.is_block]
    return tuple(one.value for one in asked)


def _fitting(name: str, language: str) -> str:
    """Return a value that always fits, for one that is not known of a reader."""
    with force_locale(language):
        found = {
            "client": gettext("your company"),
            "service": gettext("our work together"),
            "end_day": gettext("the agreed day"),
            "closes_day": gettext("the day it closes"),
        }
        return str(found.get(name, ""))
