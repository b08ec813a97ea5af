"""Suppressions: add an address, lift one, import a list.

Forms named Body read what another program sends: without a CSRF token, with the API's names.
"""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import Form, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired

from forms.addresses import ADDRESS
from forms.texts import at_most, tidied


class AddForm(FlaskForm):
    """An address to suppress. The choices of `scope` are passed in."""

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
    """The file of a list."""

    file = FileField(_l("List of addresses"), [FileRequired(_l("Choose the file first."))])


class ConfirmForm(FlaskForm):
    """The figures that were shown and are confirmed."""

    shown = HiddenField()


class AddBody(Form):
    """An address that another program suppresses. The choices of `scope` are passed in."""

    email = StringField(validators=ADDRESS, filters=[tidied])
    scope = SelectField()
    note = StringField(validators=[at_most(2000)], filters=[tidied])


class LiftBody(Form):
    """Why another program lets an address get mail again."""

    reason = StringField(
        validators=[DataRequired("Write why; it stays in the log."), at_most(2000)],
        filters=[tidied],
    )
