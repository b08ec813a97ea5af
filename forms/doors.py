"""Door open: a short message, if the contact likes to leave one."""

from flask_babel import lazy_gettext as _l
from wtforms import Form, StringField, TextAreaField
from wtforms.validators import Length


class DoorForm(Form):
    """What the contact may add to "I'd like to talk"; nothing is required."""

    message = TextAreaField(
        _l("What would you like to talk about?"),
        [Length(max=2000, message=_l("Shorten it to 2,000 characters."))],
    )
    how = StringField(
        _l("How and when suits you best?"),
        [Length(max=200, message=_l("Shorten it to 200 characters."))],
    )
