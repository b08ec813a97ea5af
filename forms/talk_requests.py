"""A talk request: what the contact writes, and what the team plans or says of how it ended."""

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Form, HiddenField, RadioField, StringField, TelField, TextAreaField
from wtforms.validators import Optional, ValidationError

from forms.fields import DayField, HourField
from forms.texts import at_most, tidied


class TalkRequestForm(Form):
    """What the contact may add to "I'd like to talk"; nothing is required or preselected.

    The page shows nothing that we know of them, since a link may be forwarded; so it asks for a
    telephone number. The choices are passed in.
    """

    message = TextAreaField(
        _l("What would you like to talk about?"), [at_most(2000)], filters=[tidied]
    )
    channel = RadioField(_l("How would you rather talk?"), [Optional()])
    phone = TelField(_l("Telephone"), [at_most(60)], filters=[tidied])
    day_part = RadioField(_l("When does it suit you?"), [Optional()])
    suits = StringField(_l("Or in your words"), [at_most(200)], filters=[tidied])


class _SeenForm(FlaskForm):
    """`version` is that of the talk request when the form was made."""

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
    """What came of it; the note may be empty."""

    note = TextAreaField(_l("Note"), [at_most(10_000)], filters=[tidied])
