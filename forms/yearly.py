"""A day that comes each year: a month and a day, without a year to type."""

from datetime import date
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField


class DayOfYearForm(FlaskForm):
    """Day and month, both or none. Their choices are passed in, in the page's language."""

    needs_day = False

    day = SelectField(_l("Day"), default="")
    month = SelectField(_l("Month"), default="")

    def validate(self, extra_validators: Any = None) -> bool:
        """Validate field by field, then whether the day is one of the month."""
        is_valid = bool(super().validate(extra_validators))
        if self.needs_day and not (self.day.data and self.month.data):
            return self._refuse(gettext("Choose the day and the month."))
        if bool(self.day.data) != bool(self.month.data):
            return self._refuse(gettext("Choose both the day and the month, or neither."))
        if is_valid and self.day.data and self.day_key is None:
            return self._refuse(gettext("That month has no such day."))
        return is_valid

    @property
    def day_key(self) -> str | None:
        """What was chosen, as "12-18"; None when nothing was, or no such day exists."""
        if not (self.day.data and self.month.data):
            return None
        try:  # of a leap year, so that 29 February is a day
            return f"{date(2024, int(self.month.data), int(self.day.data)):%m-%d}"
        except ValueError:
            return None

    def _refuse(self, words: str) -> bool:
        self.day.errors = [*self.day.errors, words]
        return False
