"""What the mail doctor may be given; nothing is required."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import Length, Optional, Regexp


class DoctorForm(FlaskForm):
    """The selector of the DKIM key, when a test mail cannot show it."""

    selector = StringField(
        _l("DKIM selector"),
        [
            Optional(),
            Length(max=120),
            Regexp(
                r"\s*[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\s*$",
                message=_l("Write it as it stands behind “s=”, such as mail2026."),
            ),
        ],
    )
