"""Door open: a short message, and how and when the contact would rather talk."""

from flask_babel import lazy_gettext as _l
from wtforms import Form, RadioField, StringField, TelField, TextAreaField
from wtforms.validators import Optional

from forms.texts import at_most, tidied


class TalkRequestForm(Form):
    """What the contact may add to "I'd like to talk"; nothing is required or preselected.

    The page never says what we know of them: a forwarded link would tell it to anybody. So a
    telephone number is asked for. The choices are passed in.
    """

    message = TextAreaField(
        _l("What would you like to talk about?"), [at_most(2000)], filters=[tidied]
    )
    channel = RadioField(_l("How would you rather talk?"), [Optional()])
    phone = TelField(_l("Telephone"), [at_most(60)], filters=[tidied])
    day_part = RadioField(_l("When does it suit you?"), [Optional()])
    suits = StringField(_l("Or in your words"), [at_most(200)], filters=[tidied])
