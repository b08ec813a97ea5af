"""The form of the survey: the core questions, and the custom ones of the company.

Only the score is required, and only to send the response; a partial one may lack it too.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask_babel import format_decimal, gettext
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    Field,
    Form,
    HiddenField,
    RadioField,
    SelectMultipleField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from forms.texts import tidied

LONGEST = 10_000  # characters of one text
TEN = [str(number) for number in range(11)]
FIVE = [str(number) for number in range(1, 6)]
REASONS = {
    "customer_service": _l("The attention we got"),
    "deliverable_quality": _l("The quality of the work"),
    "price": _l("The price"),
    "budget_cut": _l("Budget cuts or a reorganisation"),
    "cheaper_competitor": _l("A cheaper offer"),
    "needs_changed": _l("We need something else now"),
    "in_house": _l("Our own team does it now"),
    "values_fit": _l("Values, or the way of working"),
    "ended_by_us": _l("It was your decision"),
    "other": _l("Another reason"),
}


class CustomQuestion(NamedTuple):
    """A custom question, in the language of the page."""

    id: int
    kind: str  # text, scale, one or many
    text: str
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its field."""
        return f"q_{self.id}"


def offered(field: Any) -> list[str]:
    """Return the values of the choices of `field`."""
    return [choice.value for choice in field.choices]


class ScaleField(RadioField):
    """A scale of numbers. Accepts exactly the digits offered, no other spelling of a number."""

    def __init__(self, label: Any, numbers: Sequence[str], **more: Any) -> None:
        choices = [SelectChoice(number) for number in numbers]
        super().__init__(label, [Optional()], choices=choices, **more)

    def pre_validate(self, form: Any) -> None:
        """Refuse a number that was not offered."""
        numbers = offered(self)
        if self.data and self.data not in numbers:
            raise ValidationError(
                gettext(
                    "Choose a number from %(low)s to %(high)s.", low=numbers[0], high=numbers[-1]
                )
            )

    @property
    def number(self) -> int | None:
        """The number chosen; None when it is none of those offered."""
        return int(self.data) if self.data in offered(self) else None


class ChoiceField(RadioField):
    """One option of a list, by its index."""

    def pre_validate(self, form: Any) -> None:
        """Refuse an option that was not offered."""
        if self.data and self.data not in offered(self):
            raise ValidationError(gettext("Choose one of the list."))


class ChoicesField(SelectMultipleField):
    """Any options of a list, as a checkbox each."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def pre_validate(self, form: Any) -> None:
        """Refuse options that were not offered."""
        if set(self.data or ()) - set(offered(self)):
            raise ValidationError(gettext("Choose from the list."))


class FreeTextField(TextAreaField):
    """Free text: tidied, and at most LONGEST characters."""

    def __init__(self, label: Any = None, **more: Any) -> None:
        more.setdefault("render_kw", {"rows": 3})
        super().__init__(label, [Optional()], filters=[tidied], **more)

    def pre_validate(self, form: Any) -> None:
        """Refuse a text that is too long, and say by how much; nothing is cut off."""
        length = len(self.data or "")
        if length > LONGEST:
            raise ValidationError(
                gettext(
                    "Shorten it to %(most)s characters: now there are %(length)s.",
                    most=format_decimal(LONGEST),
                    length=format_decimal(length),
                )
            )


class SurveyForm(Form):
    """The core questions, in the order of the page; `survey_form` adds the custom ones."""

    custom: tuple[CustomQuestion, ...] = ()

    score = ScaleField(_l("How likely are you to recommend us to somebody you know?"), TEN)
    satisfaction = ScaleField(_l("How satisfied are you with our work, all in all?"), FIVE)
    handover = ScaleField(_l("How did the handover go?"), FIVE)
    reasons = ChoicesField(
        _l("Why did you decide to leave?"),
        choices=[SelectChoice(code, label) for code, label in REASONS.items()],
        description=_l("More than one may apply."),
    )
    valued_most = FreeTextField(_l("What did you value most?"))
    to_improve = FreeTextField(_l("What could we do better?"))
    return_likelihood = ScaleField(_l("How likely is it that we work together again one day?"), TEN)
    comment = FreeTextField(_l("Is there anything else you want to tell us?"))
    keep_in_touch = BooleanField(
        _l("Yes, write to me now and then"),
        false_values=(False, "false", "", "0", "no", "off"),
        description=_l("A few mails a year, from a person. One press ends them."),
    )
    version = HiddenField()  # of the response shown on the page

    def validate_to(self, *, send: bool) -> bool:
        """Validate the form; sending requires the score, saving requires nothing."""
        is_valid: bool = self.validate()
        if send and not self.score.data:
            self.score.errors = [gettext("Choose a number from 0 to 10: it is all we need.")]
        return is_valid and not self.score.errors

    @property
    def version_seen(self) -> int | None:
        """The version of the response shown on the page; None when the form names none."""
        seen = self.version.data or ""
        return int(seen) if re.fullmatch(r"[0-9]{1,9}", seen) else None

    @property
    def custom_fields(self) -> list[Field]:
        """The fields of the custom questions, in order."""
        return [self[question.name] for question in self.custom]

    def stored_value(self, question: CustomQuestion) -> Any:
        """Return the answer to a custom question as `Answer.value` stores it; None without one."""
        field = self[question.name]
        if isinstance(field, ScaleField):
            return field.number
        if isinstance(field, ChoiceField):
            return [int(field.data)] if field.data else None
        if isinstance(field, ChoicesField):
            return sorted({int(place) for place in field.data or ()}) or None
        return field.data or None


def field_data(question: CustomQuestion, value: Any) -> Any:
    """Return the data of a question's field for a stored value; the inverse of `stored_value`."""
    places = [str(place) for place in value] if isinstance(value, list) else []
    if question.kind == "one":
        return places[0] if places else None
    if question.kind == "many":
        return places
    return None if value is None else str(value)


def survey_form(custom: Sequence[CustomQuestion]) -> type[SurveyForm]:
    """Return the class of the survey's form with the custom questions."""
    fields: Mapping[str, Any] = {question.name: _field_for(question) for question in custom}
    return type("SurveyFormWithCustom", (SurveyForm,), {"custom": tuple(custom), **fields})


def _field_for(question: CustomQuestion) -> Any:
    places = [SelectChoice(str(at), option) for at, option in enumerate(question.options)]
    if question.kind == "scale":
        return ScaleField(question.text, TEN)
    if question.kind == "one":
        return ChoiceField(question.text, [Optional()], choices=places)
    if question.kind == "many":
        return ChoicesField(question.text, choices=places)
    return FreeTextField(question.text)
