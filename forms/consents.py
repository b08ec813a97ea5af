"""A yes or a no that was given outside of the service. Purposes and channels are passed in."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import DataRequired, InputRequired

from forms.fields import DayField
from forms.texts import at_most, tidied


class ConsentForm(FlaskForm):
    """The answer, its purpose, its day, its channel and its exact words."""

    purpose = RadioField(_l("About what"), [InputRequired(_l("Choose one."))])
    said = RadioField(
        _l("What they said"),
        [InputRequired(_l("Choose one."))],
        choices=[
            SelectChoice("yes", _l("Yes, write to me")),
            SelectChoice("no", _l("No more of it")),
        ],
    )
    channel = SelectField(_l("How they said it"))
    given_on = DayField(_l("When"), [DataRequired(_l("Write the day."))])
    wording = TextAreaField(
        _l("The exact words"),
        [DataRequired(_l("Write the words that they agreed to, or said.")), at_most(2000)],
        filters=[tidied],
    )
