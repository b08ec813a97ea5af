"""The team: logging in, invitations, members, passwords, and tokens of other programs."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, RadioField, SelectField, StringField
from wtforms.validators import DataRequired, EqualTo, Length

from forms.addresses import ADDRESS
from forms.texts import at_most, tidied

NAME = [DataRequired(_l("Write the name.")), at_most(200)]
NEW_PASSWORD = [DataRequired(_l("Choose a password."))]


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


class InviteForm(FlaskForm):
    """Who joins the team; the roles are passed in."""

    name = StringField(_l("Name"), NAME, filters=[tidied])
    email = StringField(_l("Email"), ADDRESS, filters=[tidied])
    role = RadioField(_l("Role"))


class TeamMemberForm(FlaskForm):
    """What an owner may change of a login; the roles are passed in."""

    name = StringField(_l("Name"), NAME, filters=[tidied])
    role = RadioField(_l("Role"))


class ProfileForm(FlaskForm):
    """What everyone may say of themselves; the languages are passed in."""

    name = StringField(_l("Your name"), NAME, filters=[tidied])
    language = SelectField(_l("Language of your pages and mails"))


class PasswordChangeForm(FlaskForm):
    """A new password, with the old one as proof."""

    old_password = PasswordField(
        _l("Your present password"), [DataRequired(_l("Write your present password."))]
    )
    new_password = PasswordField(_l("New password"), NEW_PASSWORD)
    new_password_again = PasswordField(
        _l("New password, once more"),
        [EqualTo("new_password", _l("The two passwords are not the same."))],
    )


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
