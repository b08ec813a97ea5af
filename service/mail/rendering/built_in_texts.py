"""Render the built-in text of each kind from its one file, `templates/email/<kind>/body.md`.

The file is Jinja that makes front matter (subject, preheader, why), a line `---`, and Markdown.
What it makes has placeholders, and goes the same way as a custom text from there on.
"""

import re
from functools import lru_cache
from typing import Any, cast

from flask import current_app
from flask_babel import force_locale, gettext
from jinja2 import BaseLoader
from jinja2.meta import find_undeclared_variables

from service.mail.rendering import placeholders
from service.mail.rendering.custom_texts import Text
from service.models import MailKind

Choices = tuple[tuple[str, str], ...]
# The facts that a text holds when it is shown before there is a mail: those of the usual one.
USUAL = (
    *("has_ended", "has_answered", "was_asked", "asked_lately", "was_long_ago"),
    "is_the_day",
)
_FIELDS = re.compile(r"(?m)^(subject|preheader|why):")


@lru_cache(maxsize=512)
def built_in(kind: MailKind, language: str, values: frozenset[str], choices: Choices = ()) -> Text:
    """Return the text of `kind` for mails that know `values`, with `choices` between sentences.

    A placeholder whose value is not among `values` does not exist for the file. Raises ValueError
    when the file has no front matter.
    """
    known: dict[str, Any] = {
        one.name: one.written
        for one in placeholders.known(kind).values()
        if one.value in values or one.name == "signature"
    }
    known |= {"fact": _fact, "quotation": _quotation} | dict(choices)
    with force_locale(language):
        known["greeting"] = gettext("Hello,")
        if "first_name" in known:
            known["greeting"] = gettext("Hello %(name)s,", name=known["first_name"])
        # Not flask.render_template: a mail knows no request, session or other context of a page.
        typed = current_app.jinja_env.get_template(f"email/{kind}/body.md").render(known)
    head, cut, body = typed.partition("\n---\n")
    if not cut:
        raise ValueError(f"the text of {kind} has no front matter")
    _before, *pairs = _FIELDS.split(head)
    front = dict(zip(pairs[::2], map(_on_one_line, pairs[1::2]), strict=True))
    body = re.sub(r"\n{3,}", "\n\n", body).strip()
    return Text(front["subject"], body, preheader=front["preheader"], why=front["why"])


@lru_cache(maxsize=len(MailKind))
def asked(kind: MailKind) -> frozenset[str]:
    """Return the names that the file of `kind` asks for: placeholders, and facts (facts.py)."""
    environment = current_app.jinja_env
    loader = cast(BaseLoader, environment.loader)  # Flask's, always there
    source, *_path = loader.get_source(environment, f"email/{kind}/body.md")
    return frozenset(find_undeclared_variables(environment.parse(source)))


def default(kind: MailKind, language: str, occasion: str = "") -> Text:
    """Return the subject and body that an editor begins with, with all placeholders of `kind`.

    They say what the mail says in the usual case. A greeting's text depends on its `occasion`.
    """
    values = frozenset(one.value for one in placeholders.of(kind))
    facts = () if kind is MailKind.thank_you else USUAL  # that one goes before the end, or after
    choices = (("occasion", occasion), *((fact, "yes") for fact in facts))
    text = built_in(kind, language, values, choices)
    return Text(text.subject, text.body)


def _fact(label: str, value: str) -> str:
    """Return a row of a table of facts; nothing without a value."""
    return f"| {label} | {value} |" if value else ""


def _quotation(value: str, label: str) -> str:
    """Return a quotation under its label; nothing without a value."""
    return f"{label}\n{value}" if value else ""


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
