"""Import a client list: choose the file, look, confirm."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import HiddenField

from forms.fields import DayField


class UploadForm(FlaskForm):
    """The file."""

    file = FileField(_l("Client list"), [FileRequired(_l("Choose the file first."))])


class SinceForm(FlaskForm):
    """Whose protocol starts; lives in the address, so it changes nothing."""

    class Meta:
        """Read from the address, without a token."""

        csrf = False

    since = DayField(_l("Ended since"))


class ConfirmForm(FlaskForm):
    """What was shown and is now to happen."""

    since = DayField()
    shown = HiddenField()
