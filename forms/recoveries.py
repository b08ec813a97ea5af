"""Closing a recovery: what came of it."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import DataRequired, InputRequired

from forms.texts import at_most, tidied


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
