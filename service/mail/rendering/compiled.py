"""Compile the mail of a kind once, with slots in place of the values, then only fill them.

Its text, built in or custom, is Markdown with placeholders; the two frames (base.html, base.txt)
draw the parts that it is made of.

Rendering and inlining cost milliseconds, filling a few microseconds: a mailing compiles a template
once per kind, language, branding and set of slots, and fills it for each reader.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import css_inline
from flask import current_app
from flask_babel import force_locale, gettext
from markupsafe import Markup, escape

from service.mail.kinds import RULES
from service.mail.rendering import built_in_texts, lint, markdown, placeholders
from service.mail.rendering.branding import Branding
from service.mail.rendering.custom_texts import Text
from service.mail.rendering.messages import Encoded, encoded, joined
from service.mail.rendering.sanitize import Quote, one_line, shortened
from service.models import MailKind

SUBJECT_LENGTH = 49
_SLOT = re.compile("\ue000([a-z_]+)\ue001")
_INLINER = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)

Pieces = tuple[str, ...]  # literal text at even places, names of slots at odd ones


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """Subject, text and HTML of one kind with their slots; text and HTML are encoded already."""

    subject: Pieces
    text: Pieces
    html: Pieces

    def filled_subject(self, values: Mapping[str, str]) -> str:
        """Return the subject; names in it are shortened so that it stays under 50 characters."""
        room = SUBJECT_LENGTH - sum(map(len, self.subject[::2]))
        slots = len(self.subject) // 2
        return "".join(
            shortened(values[piece], max(8, room // slots)) if place % 2 else piece
            for place, piece in enumerate(self.subject)
        )

    def filled_text(self, values: Mapping[str, str]) -> Encoded:
        """Return the text part; each line of a quotation begins with ">"."""
        return _filled(self.text, {name: _as_text(values[name]) for name in {*self.text[1::2]}})

    def filled_html(self, values: Mapping[str, str]) -> Encoded:
        """Return the HTML part, with every value escaped."""
        return _filled(self.html, {name: _as_html(values[name]) for name in {*self.html[1::2]}})


_encoded_value = lru_cache(maxsize=4096)(encoded)  # names and dates recur in a mailing


def _filled(pieces: Pieces, values: Mapping[str, str]) -> Encoded:
    ready = {name: _encoded_value(value) for name, value in values.items()}
    return joined(
        ready[piece] if place % 2 else piece for place, piece in enumerate(pieces) if piece
    )


def _as_text(value: str) -> str:
    if isinstance(value, Quote):
        return "\n".join(f"> {line}".rstrip() for line in value.split("\n"))
    return value


def _as_html(value: str) -> str:
    escaped = str(escape(str(value)))
    return escaped.replace("\n", "<br>\n") if isinstance(value, Quote) else escaped


@lru_cache(maxsize=512)
def compile_template(
    kind: MailKind,
    language: str,
    branding: Branding,
    slots: frozenset[str],
    choices: tuple[tuple[str, str], ...],
    custom_text: Text | None = None,
) -> CompiledTemplate:
    """Compile the mail of `kind` for readers of whom the values of `slots` are known.

    `choices` decide between sentences, so each combination of them is compiled by itself.
    `custom_text` replaces the built-in text. Raises lint.Unfit.
    """
    built_in = built_in_texts.built_in(kind, language, slots, choices)
    said = custom_text or built_in
    with force_locale(language):
        made = markdown.parts(said, kind)
        subject = placeholders.with_slots(one_line(said.subject), kind, in_subject=True)
        preheader = placeholders.with_slots(said.preheader, kind) or markdown.beginning(made)
        context: dict[str, Any] = {
            "branding": branding,
            "language": language,
            "to_team": RULES[kind].to_team,
            "transactional": RULES[kind].is_transactional,
            "subject": subject,
            "preheader": preheader,
            "who": _who(kind, branding, slots),
            "why": placeholders.with_slots(built_in.why, kind),
            "parts": made,
            "slots": {name: Markup(f"\ue000{name}\ue001") for name in slots},  # noqa: S704
        }
        # Not flask.render_template: a mail knows no request, session or other context of a page.
        text = current_app.jinja_env.get_template("email/base.txt").render(context)
        html = current_app.jinja_env.get_template("email/base.html").render(context)
    text = _tidy(text)
    html = _INLINER.inline("\n".join(line for line in html.splitlines() if line.strip()))
    checked_html = _SLOT.sub("", html)
    for _typed, address in said.pictures:  # kept by us, so of no other host
        checked_html = checked_html.replace(f'src="{address}"', "")
    lint.check_bodies(_SLOT.sub("", text), checked_html)
    return CompiledTemplate(
        tuple(_SLOT.split(subject)), _encoded_pieces(text), _encoded_pieces(html)
    )


def _who(kind: MailKind, branding: Branding, slots: frozenset[str]) -> str:
    """Return the sentence that says who writes, with its slot."""
    if RULES[kind].to_team:
        if not branding.is_named:
            return str(gettext("Hasta Luego writes to you."))
        return str(gettext("Hasta Luego writes to you for %(company)s.", company=branding.name))
    if "responsible" not in slots:
        return str(gettext("%(company)s writes to you.", company=branding.name))
    return str(
        gettext(
            "%(responsible)s, of %(company)s, writes to you.",
            responsible=placeholders.BY_NAME["responsible"].slot,
            company=branding.name,
        )
    )


def _encoded_pieces(template: str) -> Pieces:
    pieces = _SLOT.split(template)
    return tuple(piece if place % 2 else encoded(piece) for place, piece in enumerate(pieces))


def _tidy(text: str) -> str:
    """Leave one empty line between paragraphs and none at the ends."""
    lines = (line if line == "-- " else line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
