"""Closing a recovery: what came of it."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import DataRequired, InputRequired, Length

from forms.texts import tidied


class ClosingForm(FlaskForm):
    """Whether it was put right, and what was done."""

    is_resolved = RadioField(
        _l("Was it put right?"),
        [InputRequired(_l("Choose one of the two."))],
        choices=[SelectChoice("yes", _l("Yes")), SelectChoice("no", _l("No"))],
    )
    note = TextAreaField(
        _l("What was done"),
        [
            DataRequired(_l("Write what was done; one sentence is enough.")),
            Length(max=10_000, message=_l("Shorten it to 10,000 characters.")),
        ],
        filters=[tidied],
    )
