"""Conversations: plan one, or say how it ended."""

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, TextAreaField
from wtforms.validators import ValidationError

from forms.fields import DayField, HourField
from forms.texts import at_most, tidied


class _SeenForm(FlaskForm):
    """`version` says how the conversation stood when the form was made."""

    version = HiddenField()

    @property
    def seen(self) -> int:
        """The version as a number; one that is none matches nothing."""
        text = str(self.version.data or "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


class PlanForm(_SeenForm):
    """A day and a time, in the company's time zone."""

    day = DayField(_l("Day"))
    hour = HourField(_l("Time"))

    def validate_day(self, field: DayField) -> None:
        """A plan has a day."""
        if field.data is None and not field.errors:
            raise ValidationError(gettext("Write the day."))

    def validate_hour(self, field: HourField) -> None:
        """A plan has a time."""
        if field.data is None and not field.errors:
            raise ValidationError(gettext("Write the time."))


class EndForm(_SeenForm):
    """What came of it, in a few words or none."""

    note = TextAreaField(_l("Note"), [at_most(10_000)], filters=[tidied])
