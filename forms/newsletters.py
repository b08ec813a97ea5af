"""Newsletters: what they are called, whom they are for, when they go, and their pictures."""

from datetime import datetime
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, HiddenField, RadioField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import DataRequired

from forms.fields import CountField, DayField, HourField, LinesField
from forms.texts import at_most, tidied

_200 = at_most(200)
WHO = {
    "former": _l("Those who were clients"),
    "clients": _l("Those who are clients"),
    "all": _l("Both"),
}
SIDES = {
    "either": _l("Whoever says so"),
    "provider": _l("As we see it"),
    "client": _l("As they say"),
}
FREQUENCIES = {
    "once": _l("Once"),
    "daily": _l("Every day"),
    "weekly": _l("Every week"),
    "monthly": _l("Every month"),
    "yearly": _l("Every year"),
}


def _choices(names: dict[str, Any]) -> list[SelectChoice]:
    return [SelectChoice(code, name) for code, name in names.items()]


class _Numbers(CountField):
    """A number from 0 to 10, or nothing."""

    def __init__(self, label: Any, **more: Any) -> None:
        super().__init__(label, low=0, high=10, **more)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read a number; an empty field is none."""
        self.data = None
        if valuelist and str(valuelist[0]).strip():
            super().process_formdata(valuelist)


class _SeenForm(FlaskForm):
    """`version` says how the newsletter stood when the form was made."""

    version = HiddenField()

    @property
    def was(self) -> int:
        """The version as a number; one that is none matches nothing."""
        said = str(self.version.data or "")
        return int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else 0


class NameForm(FlaskForm):
    """What it is called, whether the archive shows it, and whether its links are counted."""

    name = StringField(_l("Name"), [DataRequired(_l("Write a name.")), _200], filters=[tidied])
    is_public = BooleanField(_l("Show it in the public archive"))
    counts_links = BooleanField(_l("Count how often its links are opened"))


class AudienceForm(_SeenForm):
    """Whom it is for. The choices of the lists are passed in; nothing ticked: everybody."""

    who = RadioField(_l("Who"), choices=_choices(WHO), default="former")
    languages = LinesField(_l("Language"))
    services = LinesField(_l("Service"))
    groups = LinesField(_l("Group"))
    reasons = LinesField(_l("Reason for leaving"))
    reasons_of = RadioField(_l("Whose reason"), choices=_choices(SIDES), default="either")
    likelihood_from = _Numbers(_l("Would come back, from (0 to 10)"))
    score_from = _Numbers(_l("Score, from (0 to 10)"))
    score_to = _Numbers(_l("Score, to (0 to 10)"))
    merits_it = BooleanField(_l("Only where it is deserved"))


class ScheduleForm(_SeenForm):
    """When it goes, in the company's time zone."""

    how = RadioField(
        _l("When"),
        choices=_choices({"now": _l("Now"), "later": _l("At a day and a time")}),
        default="later",
    )
    day = DayField(_l("Day"))
    hour = HourField(_l("Time"))
    frequency = RadioField(_l("How often"), choices=_choices(FREQUENCIES), default="once")

    def validate(self, extra_validators: Any = None) -> bool:
        """A later moment has a day and a time."""
        is_valid = bool(super().validate(extra_validators))
        if self.how.data == "later":
            for field, words in (
                (self.day, gettext("Write the day.")),
                (self.hour, gettext("Write the time.")),
            ):
                if field.data is None and not field.errors:
                    field.errors = [words]
                    is_valid = False
        return is_valid

    @property
    def first(self) -> datetime | None:
        """The moment on the wall; None: now."""
        if self.how.data != "later" or self.day.data is None or self.hour.data is None:
            return None
        return datetime.combine(self.day.data, self.hour.data)


class ImageForm(FlaskForm):
    """A picture, and what is on it."""

    file = FileField(_l("Picture"), [FileRequired(_l("Choose the picture first."))])
    words = StringField(_l("What is on it, for those who do not see it"), [_200], filters=[tidied])
