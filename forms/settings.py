"""The company's settings. Time zones and languages are passed in."""

import re
from typing import Any
from urllib.parse import urlsplit

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    ColorField,
    Field,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, InputRequired

from forms.addresses import ADDRESS_OR_NONE
from forms.fields import CountField, HourField, LinesField, ZoneField
from forms.texts import at_most, tidied


def with_scheme(address: str | None) -> str | None:
    """Return a website's address as a browser wants it: people leave the https:// out."""
    address = tidied(address)
    return f"https://{address}" if address and "://" not in address else address


def in_lower_case(text: str | None) -> str | None:
    """Return `text` in lower case."""
    return text.lower() if text else text


def member_or_none(typed: Any) -> int | None:
    """Return the id of the member that was chosen; None of nobody."""
    return int(typed) if typed else None


class SettingsForm(FlaskForm):
    """The company, how its mails look and who sends them.

    A field has the name of its column in `companies`; only the logo is stored by code of its own.
    """

    name = StringField(
        _l("Company name"), [DataRequired(_l("Write the name.")), at_most(200)], [tidied]
    )
    logo = FileField(_l("Logo"))
    remove_logo = BooleanField(_l("Remove the logo"))
    accent = ColorField(_l("Colour"), filters=[in_lower_case])
    signature = TextAreaField(_l("Signature of the mails"), [at_most(1000)], [tidied])
    postal_address = TextAreaField(_l("Postal address"), [at_most(1000)], [tidied])
    website = StringField(
        _l("Website"),
        [at_most(300)],
        [with_scheme],
    )
    time_zone = ZoneField(_l("Time zone"), [DataRequired(_l("Choose a time zone."))], [tidied])
    language = RadioField(_l("Language, when a person's own is not known"))
    sender_email = StringField(_l("Mails are sent from"), ADDRESS_OR_NONE, [tidied])
    business_days = LinesField(_l("Working days"))
    business_from = HourField(
        _l("From what time"), [InputRequired(_l("Write a time such as 9:00."))]
    )
    business_until = HourField(
        _l("Until what time"), [InputRequired(_l("Write a time such as 19:00."))]
    )
    holiday_country = SelectField(_l("Public holidays of"))
    holiday_region = SelectField(_l("Region"), validate_choice=False)
    default_responsible_id = SelectField(
        _l("Who answers when nobody is named"), coerce=member_or_none
    )
    daily_cap = CountField(_l("Mails a day to one person, at most"), low=1, high=50)
    basis_months = CountField(_l("Months without a sign of life, at most"), low=1, high=120)

    def company_values(self) -> dict[str, Any]:
        """Return what the company is to become, by column."""
        apart = {"logo", "remove_logo", "csrf_token"}
        values = {name: value for name, value in self.data.items() if name not in apart}
        values["business_days"] = "".join(sorted(self.business_days.data or ()))
        regions = {value for value, *_rest in self.holiday_region.iter_choices()}
        values["holiday_region"] = next((r for r in regions if r == self.holiday_region.data), "")
        return values

    def validate_accent(self, field: Field) -> None:
        """A colour is what the colour field of a browser sends."""
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", field.data or ""):
            raise ValidationError(str(_l("Write the colour as # and six digits, such as #0f6b5c.")))

    def validate_website(self, field: Field) -> None:
        """A website is http or https, on a host with a dot."""
        if not field.data:
            return
        try:
            parts = urlsplit(field.data)
            is_good = parts.scheme in {"http", "https"} and "." in (parts.hostname or "")
        except ValueError:
            is_good = False
        if not is_good or parts.username is not None or re.search(r"\s", field.data):
            raise ValidationError(str(_l("Write it as https://www.company.com.")))

    def validate_business_days(self, field: Field) -> None:
        """There is a day on which mails may go."""
        if not field.data:
            raise ValidationError(str(_l("Choose a day at least: without one no mail ever goes.")))

    def validate_business_until(self, field: Field) -> None:
        """The hours end on the day on which they begin."""
        begins, ends = self.business_from.data, field.data
        if begins is not None and ends is not None and ends <= begins:
            raise ValidationError(str(_l("The end has to come after the beginning.")))
