"""Preview the mail that a custom text makes, before it is saved. Changes no row."""

from collections.abc import Callable

from flask_babel import gettext

from service.extensions import db
from service.mail.rendering import custom_words, lint, placeholders, rendering
from service.mail.rendering.branding import LOGO_LIMIT
from service.mail.rendering.context import content
from service.mail.rendering.placeholders import Fault
from service.mail.rendering.rendering import Rendering
from service.mail.rendering.samples import sample
from service.mail.rendering.text_checks import Faults, check, no_picture
from service.mail.rendering.texts import Text
from service.models import Departure, MailKind, TeamMember

MORE = 4 * 1024  # octets for the header, and for longer names than those of the sample


def preview(
    kind: MailKind, language: str, text: Text, sender: TeamMember, like: Departure | None = None
) -> Rendering:
    """Return the mail that `text` makes, as for `like` or for a sample client."""
    with db.session.no_autoflush:
        facts = rendering.company_facts()
        context = sample(kind, language, sender, facts.company, like)
        context.custom_text = text
        return rendering.render_context(context, facts)


def examples(kind: MailKind, language: str, sender: TeamMember) -> dict[str, str]:
    """Return what each placeholder that is a word becomes for the sample client, by its name."""
    asked = [one for one in placeholders.of(kind) if one.is_in_subjects]
    all_of_them = Text("", " ".join(one.written for one in asked))
    with db.session.no_autoflush:
        facts = rendering.company_facts()
        context = sample(kind, language, sender, facts.company)
        known = content(context, facts.company).words
        words = custom_words.complete(context, all_of_them, known, facts.branding.name)
    return {one.name: words[one.word] for one in asked}


def faults(
    kind: MailKind,
    language: str,
    text: Text,
    sender: TeamMember,
    is_hosted: Callable[[str], bool] = no_picture,
) -> Faults:
    """Return all that is wrong with `text`: what it says, and the size of the mail it makes."""
    found = check(text, kind, is_hosted=is_hosted)
    if not found and is_too_large(kind, language, text, sender):
        words = gettext(
            "The mail would be larger than %(most)s kB, and mail programs cut those. Shorten it, "
            "or take out some of the formatting.",
            most=lint.MAX_OCTETS // 1024,
        )
        found.body.append(Fault(1, words))
    return found


def is_too_large(kind: MailKind, language: str, text: Text, sender: TeamMember) -> bool:
    """Say whether the mail that `text` makes would be cut by mail programs."""
    mail = preview(kind, language, text, sender)
    logo = 0 if text.is_long else LOGO_LIMIT * 4 // 3
    return len(mail.text) + len(mail.html) + logo + MORE > lint.MAX_OCTETS
