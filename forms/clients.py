"""Clients and their contacts."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired

from forms.addresses import ADDRESS
from forms.fields import AmountField, DayField, ZoneField
from forms.texts import at_most, tidied
from forms.yearly import DayOfYearForm


class ClientForm(FlaskForm):
    """A client."""

    name = StringField(
        _l("Name"),
        [DataRequired(_l("Write the name of the client.")), at_most(200)],
        filters=[tidied],
    )
    group = StringField(_l("Group"), [at_most(200)], filters=[tidied])
    service = StringField(_l("Service"), [at_most(200)], filters=[tidied])
    started_on = DayField(_l("Client since"))
    responsible = SelectField(_l("Responsible"))
    monthly_value = AmountField(_l("Monthly fee (€)"))
    acquisition_cost = AmountField(_l("What it cost to win them (€)"))
    margin = AmountField(_l("Margin (%)"), low=-999, high=100)
    notes = TextAreaField(_l("Notes"), [at_most(20_000)], filters=[tidied])


class ContactForm(DayOfYearForm):
    """A contact of a client. The day of the year is the birthday, if they gave it."""

    name = StringField(
        _l("Name"), [DataRequired(_l("Write the name.")), at_most(200)], filters=[tidied]
    )
    email = StringField(_l("Email"), ADDRESS, filters=[tidied])
    language = SelectField(_l("Language of the mails"))
    phone = StringField(_l("Phone"), [at_most(60)], filters=[tidied])
    time_zone = ZoneField(_l("Time zone"), filters=[tidied])
    keep_in_touch = BooleanField(_l("Keep in touch with them later on"))
