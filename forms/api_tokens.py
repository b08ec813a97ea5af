"""A token for another program."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired

from forms.texts import at_most, tidied


class TokenForm(FlaskForm):
    """What the program is called."""

    name = StringField(
        _l("Name of the program"),
        [
            DataRequired(_l("Write which program it is for.")),
            at_most(36),
        ],
        filters=[tidied],
    )
