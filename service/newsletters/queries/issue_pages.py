"""An issue of a newsletter as a page for whoever has its link: of nobody in particular."""

from flask_babel import force_locale, gettext

from service.current import settings
from service.mail.rendering import rendering
from service.mail.rendering.compiled import compile_template
from service.mail.rendering.pictures import text_of
from service.mail.rendering.wire import decoded
from service.models import MailKind, NewsletterIssue

_AS_PAGE = (("is_page", "yes"),)  # a choice of the template


def html_of(issue: NewsletterIssue, language: str) -> str:
    """Return the whole page: what the mails say, with words that fit anybody for names."""
    facts = rendering.company_facts()
    said = issue.text_in(issue.language_for(language))
    branding = facts.plain_branding
    with force_locale(language):
        words = {
            "reader_name": gettext("everybody"),
            "full_name": gettext("everybody"),
            "client": gettext("your company"),
            "our_name": branding.name,
            "responsible": issue.member.name if issue.member else branding.name,
            "preferences_url": settings().base_url + "/news",
        }
    known = frozenset({"reader_name", "responsible"})
    custom_text = text_of(said["subject"], said["body"])
    compiled = compile_template(
        MailKind.newsletter, language, branding, known, _AS_PAGE, custom_text
    )
    html = decoded(compiled.filled_html(words))
    return html.replace("</title>", '</title><link rel="icon" href="data:,">', 1)


def subject_of(issue: NewsletterIssue, language: str) -> str:
    """Return the subject as the archive shows it."""
    said = issue.text_in(issue.language_for(language))
    custom_text = text_of(said["subject"], said["body"] or "…")
    branding = rendering.company_facts().plain_branding
    compiled = compile_template(
        MailKind.newsletter, language, branding, frozenset({"reader_name"}), (), custom_text
    )
    with force_locale(language):
        anybody = gettext("everybody")
    words = {"reader_name": anybody, "full_name": anybody, "client": gettext("your company")}
    return compiled.filled_subject(
        {**words, "our_name": branding.name, "responsible": branding.name}
    )
