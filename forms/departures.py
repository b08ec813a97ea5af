"""Departures: record one by hand and change it. Choices and defaults are passed in."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, ValidationError

from forms.addresses import ADDRESS_OR_NONE
from forms.fields import AmountField, DayField, LinesField
from forms.texts import at_most, tidied

LONGEST_NOTES = 20_000


class FactsForm(FlaskForm):
    """What recording and changing a departure have in common."""

    service = StringField(_l("Service that ends"), [at_most(200)], filters=[tidied])
    notice_on = DayField(_l("They told us on"))
    end_on = DayField(_l("It ends on"))
    reasons = LinesField(_l("Why, as far as you can tell"))
    responsible = SelectField(_l("Responsible"))
    monthly_value = AmountField(_l("Monthly fee (€)"))
    acquisition_cost = AmountField(_l("What it cost to win them (€)"))
    margin = AmountField(_l("Margin (%)"), low=-999, high=100)
    notes = TextAreaField(_l("Notes"), [at_most(LONGEST_NOTES)], filters=[tidied])

    today: date | None = None  # set by the view, in the company's time zone

    @property
    def has_more(self) -> bool:
        """Whether notes or figures are filled in or wrong, so that they are shown."""
        more = (self.notes, self.monthly_value, self.acquisition_cost, self.margin)
        return any(field.errors or field.data not in (None, "") for field in more)

    def validate_notice_on(self, field: Any) -> None:
        """A notice has been given; it cannot lie ahead."""
        if field.data and self.today and field.data > self.today:
            raise ValidationError(gettext("That day is yet to come. When did they tell you?"))

    def validate_end_on(self, field: Any) -> None:
        """The end is not before the notice."""
        if field.data and self.notice_on.data and field.data < self.notice_on.data:
            raise ValidationError(gettext("The end cannot be earlier than the notice."))


class RecordForm(FactsForm):
    """A new departure, of a client that may be new too.

    For a client with one contact the name of the client is enough.
    """

    client = StringField(
        _l("Client"),
        [DataRequired(_l("Write the name of the client.")), at_most(200)],
        filters=[tidied],
    )
    contact_name = StringField(_l("Contact"), [at_most(200)], filters=[tidied])
    email = StringField(_l("Their email"), ADDRESS_OR_NONE, filters=[tidied])
    language = SelectField(_l("Language of the mails"))
    protocol = SelectField(_l("Which farewell mails"), default="")
    sends_mails = BooleanField(_l("Send the farewell mails"), default=True)

    known: Mapping[str, str] = {}

    def validate(self, extra_validators: Any = None) -> bool:
        """Require the person who gets the mails, unless the client has a single contact."""
        is_valid = bool(super().validate(extra_validators))
        if self.email.data or (self.client.data and len(self.known) == 1):
            name = self.contact_name.data or self.known.get((self.email.data or "").casefold())
            if name or not self.email.data:
                return is_valid
            self.contact_name.errors = [gettext("Write the name of the person.")]
        elif len(self.known) > 1:
            self.email.errors = [
                gettext("Whom do we write to? They have: %(all)s.", all=", ".join(self.known))
            ]
        elif not self.email.errors:
            self.email.errors = [gettext("Write the address of the person who gets the mails.")]
        return False


class EditForm(FactsForm):
    """Changes to a departure; `was` says how it looked when the form was made."""

    contact = SelectField(_l("Contact"))
    was = HiddenField()

    def validate_notice_on(self, field: Any) -> None:
        """Besides what holds for a new one: every departure keeps a notice."""
        if field.data is None:
            raise ValidationError(gettext("Write the day they told you."))
        super().validate_notice_on(field)
