"""One's calendar: whose things it shows."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import InputRequired


class CalendarForm(FlaskForm):
    """Mine, or the whole team's."""

    shows = RadioField(
        _l("What it shows"),
        [InputRequired(_l("Choose one of the two."))],
        choices=[
            SelectChoice("mine", _l("What is mine, and what is nobody's yet")),
            SelectChoice("team", _l("What the whole team has to do")),
        ],
    )
