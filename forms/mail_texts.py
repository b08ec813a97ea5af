"""The form of a mail's custom text, and of its preview."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]

from forms.texts import tidied

VIEWS = {"phone": _l("On a phone"), "desk": _l("On a desktop"), "text": _l("As text")}


class MailTextForm(FlaskForm):
    """What is typed. Its placeholders are checked by the mail room, which knows them."""

    subject = StringField(_l("Subject"), filters=[tidied])
    body = TextAreaField(_l("Text"), filters=[tidied])
    version = HiddenField(default="0")  # of the text that was edited; 0: there was none
    like = StringField(_l("As seen by"), filters=[tidied])
    view = RadioField(
        _l("How to look at it"),
        choices=[SelectChoice(code, name) for code, name in VIEWS.items()],
        default="phone",
    )
    dark = BooleanField(_l("In dark mode"))

    @property
    def was(self) -> int:
        """The version that was edited."""
        said = self.version.data or ""
        return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0
