"""Logging in, and choosing a password by a one-time link."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, RadioField, StringField
from wtforms.validators import DataRequired, EqualTo, Length

from forms.addresses import ADDRESS
from forms.team import NAME, NEW_PASSWORD
from forms.texts import tidied


class LoginForm(FlaskForm):
    """Who, the proof, and where to go then."""

    email = StringField(
        _l("Email"), [DataRequired(_l("Write your email address."))], filters=[tidied]
    )
    password = PasswordField(_l("Password"), [DataRequired(_l("Write your password."))])
    next = HiddenField()


class ForgottenForm(FlaskForm):
    """Where the link for a new password goes."""

    email = StringField(
        _l("Email"),
        [DataRequired(_l("Write your email address.")), Length(max=254)],
        filters=[tidied],
    )


class ChoosePasswordForm(FlaskForm):
    """The new password, twice."""

    password = PasswordField(_l("Password"), NEW_PASSWORD)
    password_again = PasswordField(
        _l("Password, once more"),
        [EqualTo("password", _l("The two passwords are not the same."))],
    )


class FirstOwnerForm(FlaskForm):
    """Who sets the service up; the languages are passed in."""

    name = StringField(_l("Your name"), NAME, filters=[tidied])
    email = StringField(_l("Your email"), ADDRESS, filters=[tidied])
    password = PasswordField(_l("Password"), NEW_PASSWORD)
    password_again = PasswordField(
        _l("Password, once more"),
        [EqualTo("password", _l("The two passwords are not the same."))],
    )
    language = RadioField(_l("Language of your pages and mails"))
