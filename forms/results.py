"""The form of the results' filters: a period and a service, read from the address."""

from flask_babel import lazy_gettext as _l
from wtforms import Form, SelectField
from wtforms.validators import ValidationError

from forms.fields import DayField


class ResultsForm(Form):
    """The departures that the results count; each filter is optional."""

    since = DayField(_l("Ended from"))
    until = DayField(_l("Ended until"))
    service = SelectField(_l("Service"), validate_choice=False)

    def validate_until(self, field: DayField) -> None:
        """Refuse a period that ends before it begins."""
        if self.since.data and field.data and field.data < self.since.data:
            raise ValidationError(_l("The last day is before the first one."))
