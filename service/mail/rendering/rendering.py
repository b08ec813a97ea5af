"""Turn rows of the outbox into mails that are ready to be sent. Opens no socket, changes no row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.utils import parseaddr
from urllib.parse import quote

from service.current import company, settings
from service.mail import links, verp
from service.mail.kinds import RULES
from service.mail.rendering import headers
from service.mail.rendering.branding import PRODUCT, Branding, branding_of, logo_of
from service.mail.rendering.compiled import compile_template
from service.mail.rendering.context import Content, Unwritable, complete, content_of
from service.mail.rendering.headers import POSTMARK_METADATA, POSTMARK_NAME
from service.mail.rendering.messages import Encoded, Picture
from service.mail.rendering.related_rows import MailContext, load
from service.mail.rendering.samples import sample
from service.mail.rendering.sanitize import one_line
from service.models import Company, MailKind, OutboxMessage, TeamMember

Address = tuple[str, str]  # (display name, address)

SAMPLED = frozenset(MailKind) - {MailKind.test_mail}  # what a test mail may show


@dataclass(frozen=True, slots=True)
class Rendering:
    """A mail before it is bytes. Its fields have the names of the arguments of messages.octets."""

    sender: Address
    to: Address
    subject: str
    text: Encoded  # both parts as they go out; decoded(...) reads them
    html: Encoded
    message_id: str
    reply_to: Address | None
    extra_headers: dict[str, str]
    pictures: tuple[Picture, ...] = ()
    replies_also_to: Address | None = None


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """The company as a batch of mails shows it: the row, its branding, its sender address."""

    company: Company
    branding: Branding
    plain_branding: Branding  # without the logo, for mails to the team
    logo: Picture | None
    address: str


def render(row: OutboxMessage) -> Rendering:
    """Return the mail of `row`; raises Unwritable."""
    rendered = render_many([row])[0]
    if isinstance(rendered, Unwritable):
        raise rendered
    return rendered


def render_many(rows: Sequence[OutboxMessage]) -> list[Rendering | Unwritable]:
    """Return the mails of `rows` in their order; for one that cannot be written, why.

    The number of queries does not grow with the number of rows.
    """
    facts = company_facts()
    rendered: list[Rendering | Unwritable] = []
    for context in load(rows):
        try:
            rendered.append(render_context(context, facts))
        except Unwritable as why:
            rendered.append(why)
        except headers.BadHeader as why:
            rendered.append(Unwritable(str(why)))
    return rendered


def company_facts() -> CompanyFacts:
    """Return the facts of the company as it is set up now."""
    company_row = company()
    logo = logo_of(company_row)
    plain = branding_of(company_row)
    branding = branding_of(company_row, logo) if logo else plain
    return CompanyFacts(company_row, branding, plain, logo, sender_address(company_row))


def sender_address(company_row: Company) -> str:
    """Return the address that mails come from: the company's, or MAIL_DEFAULT_SENDER."""
    return company_row.sender_email or parseaddr(settings().mail_default_sender)[1]


def render_context(context: MailContext, facts: CompanyFacts) -> Rendering:
    """Return the mail about `context`; raises Unwritable or BadHeader."""
    sampled = (context.row.context or {}).get("sample")
    if sampled in SAMPLED and context.row.member:
        return _sample_for(context, MailKind(sampled), context.row.member, facts)
    row, content = context.row, content_of(context, facts.company)
    branding = facts.plain_branding if RULES[row.kind].to_team else facts.branding
    content.values["our_name"] = branding.name
    if row.kind is MailKind.test_mail:
        content.values["sender"] = facts.address
    if context.custom_text:
        content.values = complete(content.values, context, context.custom_text, branding.name)
        branding = facts.plain_branding if context.custom_text.is_long else branding
    compiled = compile_template(
        row.kind,
        row.language,
        branding,
        frozenset(content.values),
        tuple(sorted(content.choices.items())),
        context.custom_text,
    )
    # A reply to this address pauses the protocol, so it is beside the responsible's.
    ours = verp.address(row.public_id) if row.contact else None
    return Rendering(
        sender=(_sender_name(context, branding), facts.address),
        to=_recipient(row),
        subject=headers.checked("Subject", compiled.filled_subject(content.values)),
        text=compiled.filled_text(content.values),
        html=compiled.filled_html(content.values),
        message_id=row.message_id or "",
        reply_to=_reply_address(context),
        replies_also_to=(branding.name, ours) if ours else None,
        extra_headers=_extra_headers(context, content, facts),
        pictures=(facts.logo,) if facts.logo and branding.logo else (),
    )


def _sample_for(
    context: MailContext, kind: MailKind, to: TeamMember, facts: CompanyFacts
) -> Rendering:
    """Return a sample of `kind`, addressed to the member `to` and not to the sample client."""
    row = context.row
    shown = sample(kind, row.language, to, facts.company, context.like)
    shown.custom_text = context.custom_text
    rendered = render_context(shown, facts)
    return replace(
        rendered,
        to=_recipient(row),
        message_id=row.message_id or "",
        replies_also_to=None,  # a reply to a sample would be about no mail
        extra_headers=_headers_of_all(row),
    )


def _sender_name(context: MailContext, branding: Branding) -> str:
    if context.signer:
        return f"{one_line(context.signer.name)} ({branding.name})"
    if RULES[context.row.kind].to_team and branding.is_named:
        return f"{PRODUCT} ({branding.name})"
    return branding.name


def _recipient(row: OutboxMessage) -> Address:
    reader = row.contact or row.member
    if reader is None:
        raise headers.BadAddress("the mail is to nobody")
    return one_line(reader.name), headers.checked("To", reader.email)


def _reply_address(context: MailContext) -> Address | None:
    """Return who reads the replies: the responsible; of "I'd like to talk", the contact."""
    if context.talk_request:
        contact = context.talk_request.contact
        return one_line(contact.name), headers.checked("Reply-To", contact.email)
    if context.responsible and not RULES[context.row.kind].to_team:
        return one_line(context.responsible.name), context.responsible.email
    return None


def _extra_headers(context: MailContext, content: Content, facts: CompanyFacts) -> dict[str, str]:
    row, extra = context.row, _headers_of_all(context.row)
    if RULES[row.kind].is_reminder and row.reply_to and row.reply_to.message_id:
        extra["In-Reply-To"] = extra["References"] = row.reply_to.message_id
    if not RULES[row.kind].is_transactional:
        by_post = links.one_click(content.values["preferences_url"], RULES[row.kind].purpose)
        to = verp.address(row.public_id) or facts.address  # signed: it says whose mail it answers
        by_mail = f"mailto:{quote(to, safe='@+')}?subject=unsubscribe"
        extra["List-Unsubscribe"] = f"<{by_post}>, <{by_mail}>"
        extra["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return {name: headers.checked(name, value) for name, value in extra.items()}


def _headers_of_all(row: OutboxMessage) -> dict[str, str]:
    extra = {"Auto-Submitted": "auto-generated"}
    if settings().postmark_login:
        extra[POSTMARK_METADATA + POSTMARK_NAME] = row.public_id
        extra["X-PM-KeepID"] = "true"  # our Message-ID stays, so answers say what they answer
    return extra
