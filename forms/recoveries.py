"""A recovery: how the apology for what failed was made, and what came of it all."""

from datetime import date

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import DataRequired, InputRequired, ValidationError

from forms.fields import DayField
from forms.texts import at_most, tidied


class ApologyForm(FlaskForm):
    """Who apologised, when and how. The choices, and today's date, are passed in.

    `was` is what the page showed when the form was made.
    """

    way = RadioField(_l("How?"), [InputRequired(_l("Choose how it was made."))])
    why = TextAreaField(_l("Why by call?"), [at_most(2_000)], filters=[tidied])
    by = SelectField(_l("Who apologised"), [InputRequired(_l("Choose who apologised."))])
    day = DayField(_l("On which day"))
    words = TextAreaField(_l("What you said"), [at_most(10_000)], filters=[tidied])
    was = HiddenField()

    today: date | None = None  # set by the view

    def validate_why(self, field: TextAreaField) -> None:
        """A call is second best and has a reason."""
        if self.way.data == "phone" and not field.data:
            raise ValidationError(
                gettext("A call is second best: write why it was not face to face or by video.")
            )

    def validate_day(self, field: DayField) -> None:
        """An apology is noted once it has been made."""
        if field.data is None and not field.errors:
            raise ValidationError(gettext("Write the day."))
        if field.data and self.today and field.data > self.today:
            raise ValidationError(gettext("That day is yet to come."))


class ClosingForm(FlaskForm):
    """Whether it was put right, and what was done."""

    is_resolved = RadioField(
        _l("Was it put right?"),
        [InputRequired(_l("Choose one of the two."))],
        choices=[SelectChoice("yes", _l("Yes")), SelectChoice("no", _l("No"))],
    )
    note = TextAreaField(
        _l("What was done"),
        [DataRequired(_l("Write what was done; one sentence is enough.")), at_most(10_000)],
        filters=[tidied],
    )
