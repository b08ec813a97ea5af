"""The built-in text of a mail as Markdown with placeholders: what the editor begins with.

Made from the templates, by rendering their text with placeholders for words and macros that write
Markdown, so there is one text to translate and nothing to keep in step.
"""

import re
from functools import lru_cache
from typing import Any

from flask import current_app
from flask_babel import force_locale

from service.mail.rendering import placeholders
from service.mail.rendering.texts import Text
from service.models import MailKind


@lru_cache(maxsize=128)
def default(kind: MailKind, language: str, occasion: str = "") -> Text:
    """Return the built-in subject and body of `kind`; a greeting's depends on its `occasion`."""
    words: dict[str, Any] = {one.word: one.written for one in placeholders.of(kind)}
    words |= {one.name: one.written for one in placeholders.of(kind) if one.is_block}
    words["occasion"] = occasion
    words["branding"] = {"name": placeholders.BY_NAME["our_name"].written}
    environment = current_app.jinja_env
    with force_locale(language):
        words["mail"] = environment.get_template("email/macros.md").make_module(words)
        subject = environment.get_template(f"email/{kind}/subject.txt").render(words)
        template = environment.get_template(f"email/{kind}/body.txt")
        body = "".join(template.blocks["body"](template.new_context(words)))
    return Text(subject.strip(), re.sub(r"\n{3,}", "\n\n", body).strip())
