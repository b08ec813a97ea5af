"""The form of a custom question: its kind, its text and its options in each language."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]

from forms.texts import tidied

KINDS = {
    "text": _l("Free words"),
    "scale": _l("A number from 0 to 10"),
    "one": _l("One of a list"),
    "many": _l("Several of a list"),
}
WITH_OPTIONS = ("one", "many")
LONGEST = 300  # characters of a question, and of one entry of its list
MOST = 20  # entries of a list


class QuestionForm(FlaskForm):
    """The kind; `question_form` adds text and options in each language, the first one required."""

    languages: tuple[str, ...] = ()

    kind = RadioField(
        _l("How is it answered?"),
        choices=[SelectChoice(code, label) for code, label in KINDS.items()],
        default="text",
    )

    def validate(self, extra_validators: Any = None) -> bool:
        """Validate each field, then compare the languages."""
        is_valid = bool(super().validate(extra_validators))
        first, *others = self.languages
        if not self[f"text_{first}"].data:
            self._add_error(f"text_{first}", gettext("Write the question."))
        for language in self.languages:
            if len(self[f"text_{language}"].data or "") > LONGEST:
                self._add_error(
                    f"text_{language}",
                    gettext("Shorten it to %(most)s characters.", most=LONGEST),
                )
        if self.kind.data in WITH_OPTIONS:
            self._check_options(first, others)
        return is_valid and not self.errors

    @property
    def text(self) -> dict[str, str]:
        """The text of the question in each language that has one."""
        texts = {language: self[f"text_{language}"].data or "" for language in self.languages}
        return {language: text for language, text in texts.items() if text}

    @property
    def options(self) -> dict[str, list[str]]:
        """The options in each language that has them; empty for a kind without options."""
        if self.kind.data not in WITH_OPTIONS:
            return {}
        lists = {language: self._entries(language) for language in self.languages}
        return {language: entries for language, entries in lists.items() if entries}

    def _entries(self, language: str) -> list[str]:
        lines = (self[f"options_{language}"].data or "").splitlines()
        return [line.strip() for line in lines if line.strip()]

    def _check_options(self, first: str, others: Sequence[str]) -> None:
        entries = self._entries(first)
        if len(entries) < 2:
            self._add_error(f"options_{first}", gettext("Write at least two, one on each line."))
        elif len(entries) > MOST:
            self._add_error(f"options_{first}", gettext("Write %(most)s at most.", most=MOST))
        for language in self.languages:
            self._check_entries(language)
        for language in others:
            count = len(self._entries(language))
            if count and count != len(entries):
                self._add_error(
                    f"options_{language}",
                    ngettext(
                        "Write as many as above, in the same order: here is %(num)d.",
                        "Write as many as above, in the same order: here are %(num)d.",
                        count,
                    ),
                )

    def _check_entries(self, language: str) -> None:
        entries = self._entries(language)
        if len({entry.casefold() for entry in entries}) < len(entries):
            self._add_error(f"options_{language}", gettext("One of them is there twice."))
        if any(len(entry) > LONGEST for entry in entries):
            self._add_error(
                f"options_{language}", gettext("Shorten it to %(most)s characters.", most=LONGEST)
            )

    def _add_error(self, name: str, message: str) -> None:
        self[name].errors = [*self[name].errors, message]


def question_form(languages: Mapping[str, str]) -> type[QuestionForm]:
    """Return the class of the form for `languages`: names by code, the required one first."""
    fields: dict[str, Any] = {"languages": tuple(languages)}
    for code, name in languages.items():
        fields[f"text_{code}"] = StringField(
            _l("Question, %(language)s", language=name), filters=[tidied], render_kw={"lang": code}
        )
        fields[f"options_{code}"] = TextAreaField(
            _l("List, %(language)s", language=name),
            filters=[tidied],
            render_kw={"lang": code, "rows": 4},
        )
    return type("QuestionFormInLanguages", (QuestionForm,), fields)
