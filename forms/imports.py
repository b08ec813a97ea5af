"""Import a client list: choose the file, preview, confirm."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import HiddenField

from forms.fields import DayField


class UploadForm(FlaskForm):
    """The file of a client list."""

    file = FileField(_l("Client list"), [FileRequired(_l("Choose the file first."))])


class SinceForm(FlaskForm):
    """From which day departures start their protocol; a filter in the address of the preview."""

    class Meta:
        """Read from the address, without a token."""

        csrf = False

    since = DayField(_l("Ended since"))


class ConfirmForm(FlaskForm):
    """The figures that were shown and are confirmed."""

    since = DayField()
    shown = HiddenField()
