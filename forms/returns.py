"""A return: when a client who had left came back, for what, and what led to it."""

from datetime import date
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, ValidationError

from forms.fields import DayField
from forms.texts import at_most, tidied


class ReturnForm(FlaskForm):
    """A return. The choices and the day of notice are passed in."""

    returned_on = DayField(_l("Back since, or from"))
    service = StringField(_l("Service they come back for"), [at_most(200)], filters=[tidied])
    reason = RadioField(
        _l("What brought them back"), [InputRequired(_l("Choose what comes nearest."))]
    )
    mail = SelectField(_l("Mail that led to it"))
    note = TextAreaField(_l("Note"), [at_most(10_000)], filters=[tidied])
    sends_thanks = BooleanField(_l("Thank them by mail"), default=True)
    was = HiddenField()

    notice_on: date | None = None  # set by the view

    def validate_returned_on(self, field: Any) -> None:
        """Nobody comes back before saying that they leave."""
        if field.data is None:
            raise ValidationError(gettext("Write the day."))
        if self.notice_on and field.data < self.notice_on:
            raise ValidationError(gettext("That is before they told you that they leave."))
