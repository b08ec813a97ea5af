"""A greeting: on which day, at what time, and whom it is for. Choices are passed in."""

from flask_babel import lazy_gettext as _l
from wtforms import Field, HiddenField, RadioField, StringField, ValidationError

from forms.fields import HourField
from forms.texts import at_most, tidied
from forms.yearly import DayOfYearForm


class GreetingForm(DayOfYearForm):
    """What a provider chooses. Only greetings of their own have a name, only seasons a day."""

    needs_name = False

    name = StringField(_l("Name"), [at_most(120)], filters=[tidied])
    at = HourField(_l("Time of day"))
    circle = RadioField(_l("Who gets it"))
    version = HiddenField(default="0")

    def validate_name(self, field: Field) -> None:
        """One of the provider's own is found by its name. Raises ValidationError."""
        if self.needs_name and not field.data:
            raise ValidationError(str(_l("Write a name, to find it by in the list.")))

    def validate_at(self, field: Field) -> None:
        """Every greeting has its hour. Raises ValidationError."""
        if field.data is None and not field.errors:
            raise ValidationError(str(_l("Write a time such as 10:00.")))

    @property
    def was(self) -> int:
        """The version that was changed."""
        said = self.version.data or ""
        return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0
