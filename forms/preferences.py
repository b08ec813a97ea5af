"""Mail preferences: a box for each purpose, and one that ends them all."""

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form


class PreferencesForm(Form):
    """What a contact wants to get. The labels are the wording of the consent."""

    newsletter = BooleanField(_l("News, a few times a year"))
    greetings = BooleanField(_l("Greetings on special dates"))
    check_ins = BooleanField(_l("A message now and then to ask how you are doing"))
    go_on = BooleanField(_l("Go on with what I ticked after that day too"))
    unsubscribe_all = BooleanField(_l("Nothing of this kind any more"))
