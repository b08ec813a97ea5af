"""Door open: a short message, and how and when the contact would rather talk."""

from flask_babel import lazy_gettext as _l
from wtforms import Form, RadioField, StringField, TelField, TextAreaField
from wtforms.validators import Length, Optional

from forms.texts import tidied

_60 = Length(max=60, message=_l("Shorten it to 60 characters."))
_200 = Length(max=200, message=_l("Shorten it to 200 characters."))


class DoorForm(Form):
    """What the contact may add to "I'd like to talk"; nothing is required or preselected.

    The page never says what we know of them: a forwarded link would tell it to anybody. So a
    telephone number is asked for. The choices are passed in.
    """

    message = TextAreaField(
        _l("What would you like to talk about?"),
        [Length(max=2000, message=_l("Shorten it to 2,000 characters."))],
        filters=[tidied],
    )
    channel = RadioField(_l("How would you rather talk?"), [Optional()])
    phone = TelField(_l("Telephone"), [_60], filters=[tidied])
    day_part = RadioField(_l("When does it suit you?"), [Optional()])
    suits = StringField(_l("Or in your words"), [_200], filters=[tidied])
