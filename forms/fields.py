"""Days, hours, amounts, zones and lines to tick, as people type them.

What was typed stays in the field.
"""

import re
from datetime import date, time
from decimal import Decimal
from typing import Any

from flask_babel import gettext
from wtforms import Field, SelectMultipleField, StringField, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget, TextInput

# Years are spelled out; nobody means the year 26, and databases and calendars have ends.
_ISO = re.compile(r"(?P<year>[12]\d{3})-(?P<month>\d{1,2})-(?P<day>\d{1,2})")
_SPANISH = re.compile(r"(?P<day>\d{1,2})[/.-](?P<month>\d{1,2})[/.-](?P<year>[12]\d{3})")


_HOUR = re.compile(r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2})(?::\d{2})?)?\s*h?", re.IGNORECASE)


class _PickedInput(TextInput):
    """Something to pick from; plain text while what was typed cannot be read, so that it stays."""

    def __call__(self, field: Field, **kwargs: Any) -> Any:
        """Return the input."""
        if field.errors:
            kwargs["type"] = "text"
        return super().__call__(field, **kwargs)


class DayInput(_PickedInput):
    """A calendar."""

    input_type = "date"


class HourInput(_PickedInput):
    """A clock."""

    input_type = "time"


class DayField(Field):
    """A day of the calendar, as 2026-11-22 or 22/11/2026; never month first."""

    widget = DayInput()
    data: date | None

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return self.data.isoformat() if self.data else ""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed; raises ValueError with a sentence for what is no day."""
        text = str(valuelist[0]).strip() if valuelist else ""
        self.data = None
        if not text:
            return
        match = _ISO.fullmatch(text) or _SPANISH.fullmatch(text)
        if match is None:
            raise ValueError(gettext("Write a day such as 22/11/2026."))
        try:
            day = date(int(match["year"]), int(match["month"]), int(match["day"]))
        except ValueError:
            raise ValueError(
                gettext("%(text)s is not in the calendar. Look at day and month.", text=text)
            ) from None
        if not 1990 <= day.year <= 2100:
            raise ValueError(gettext("Is the year right? It has to be between 1990 and 2100."))
        self.data = day


class HourField(Field):
    """A time of day: 21:00, 21.00, 21h30 and 21 are all read as meant."""

    widget = HourInput()
    data: time | None

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return f"{self.data:%H:%M}" if self.data else ""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed; raises ValueError with a sentence for what is no time of day."""
        if not valuelist:
            return
        self.data = None
        text = str(valuelist[0]).strip()
        if not text:
            return
        match = _HOUR.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            self.data = time(int(match["hour"]), int(match["minute"] or 0))
        except ValueError:
            raise ValueError(gettext("Write a time such as 21:00.")) from None


class CountField(Field):
    """A whole number of things, within bounds."""

    widget = TextInput()
    data: int | None

    def __init__(self, label: Any, *, low: int, high: int, **more: Any) -> None:
        super().__init__(label, **more)
        self.low, self.high = low, high

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed; raises ValueError with a sentence for any other number."""
        if not valuelist:
            return
        text = str(valuelist[0]).strip()
        if not re.fullmatch(r"[0-9]{1,9}", text) or not self.low <= int(text) <= self.high:
            raise ValueError(
                gettext("Write a number from %(low)s to %(high)s.", low=self.low, high=self.high)
            )
        self.data = int(text)


class ZoneField(StringField):
    """A time zone of those in `zones`, which is passed in."""

    zones: frozenset[str] = frozenset()

    def pre_validate(self, form: Any) -> None:
        """A time zone is one of the list. Raises ValidationError."""
        if self.data and self.data not in self.zones:
            raise ValidationError(
                gettext("Choose one of the list: write the nearest big city, such as Madrid.")
            )


class AmountField(Field):
    """An amount or a share: 1.200, 1.200,50, 1200.50 and 35 are all read as meant."""

    widget = TextInput()
    data: Decimal | None

    def __init__(self, label: Any, *, low: int = 0, high: int = 9_999_999_999, **more: Any) -> None:
        super().__init__(label, **more)
        self.low, self.high = low, high

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return f"{self.data:f}" if self.data is not None else ""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed; raises ValueError with a sentence for what is no number."""
        text = re.sub(r"[\s€%']", "", str(valuelist[0])) if valuelist else ""
        self.data = None
        if not text:
            return
        number = plain_number(text)
        if number is None:
            raise ValueError(gettext("Write a number such as 1200 or 1200,50."))
        if not self.low <= number <= self.high:
            raise ValueError(
                gettext("It has to be between %(low)s and %(high)s.", low=self.low, high=self.high)
            )
        self.data = number


class LinesField(SelectMultipleField):
    """Several of a list, as lines to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def plain_number(text: str) -> Decimal | None:
    """Return the number that `text` means, or None. The last of two separators is the decimal's.

    A single dot before exactly three digits sets thousands apart, as in Spain: 1.200 is 1200.
    """
    if "," in text:
        whole, _, rest = text.rpartition(",")
        if "." in rest:  # 1,200.50
            whole, rest = text.replace(",", "").split(".", 1)
        text = whole.replace(".", "").replace(",", "") + "." + rest
    elif re.fullmatch(r"-?\d{1,3}(\.\d{3})+", text):
        text = text.replace(".", "")
    if not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{0,6})?", text):
        return None
    return Decimal(text).quantize(Decimal("0.01"))
