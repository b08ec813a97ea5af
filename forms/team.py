"""The team: an invitation, a login's name and role, one's own profile and password."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, RadioField, SelectField, StringField
from wtforms.validators import DataRequired, EqualTo

from forms.addresses import ADDRESS
from forms.texts import at_most, tidied

NAME = [DataRequired(_l("Write the name.")), at_most(200)]
NEW_PASSWORD = [DataRequired(_l("Choose a password."))]


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
