"""The list of those who get no mail: add an address, lift one, bring a list in.

What ends in Body is what another program sends: no proof against forgery, its own names.
"""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import Form, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired

from forms.addresses import ADDRESS
from forms.texts import at_most, tidied


class AddForm(FlaskForm):
    """An address that is to get no mail. The choices of `scope` are passed in."""

    email = StringField(_l("Email"), ADDRESS, filters=[tidied])
    scope = RadioField(_l("What it gets no more"), [InputRequired(_l("Choose one."))])
    note = TextAreaField(_l("Note"), [at_most(2000)], filters=[tidied])


class LiftForm(FlaskForm):
    """Why an address may get mail again."""

    why = TextAreaField(
        _l("Why"),
        [DataRequired(_l("Write why; it stays in the log with your name.")), at_most(2000)],
        filters=[tidied],
    )


class UploadForm(FlaskForm):
    """A list from elsewhere."""

    file = FileField(_l("List of addresses"), [FileRequired(_l("Choose the file first."))])


class ConfirmForm(FlaskForm):
    """What was shown and is now to happen."""

    shown = HiddenField()


class AddBody(Form):
    """An address that another program stops. The choices of `scope` are passed in."""

    email = StringField(validators=ADDRESS, filters=[tidied])
    scope = SelectField()
    note = StringField(validators=[at_most(2000)], filters=[tidied])


class LiftBody(Form):
    """Why another program lets an address get mail again."""

    reason = StringField(
        validators=[DataRequired("Write why; it stays in the log."), at_most(2000)],
        filters=[tidied],
    )
