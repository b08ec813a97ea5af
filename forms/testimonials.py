"""The forms of a testimonial: the contact's quote, signature and permissions; a shorter version."""

from collections.abc import Mapping

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form, StringField, TextAreaField
from wtforms.validators import DataRequired

from forms.texts import at_most, tidied

PERMISSIONS = ("publish_website", "publish_brochure", "publish_social")


class TestimonialForm(Form):
    """The contact's quote. The label of a permission is the wording that its consent records."""

    __test__ = False

    quote = TextAreaField(
        _l("Your words"),
        [DataRequired(_l("Write a few words first.")), at_most(10_000)],
        filters=[tidied],
    )
    display_name = StringField(_l("Name to show"), [at_most(200)], filters=[tidied])
    display_role = StringField(_l("Role to show"), [at_most(200)], filters=[tidied])
    display_company = StringField(_l("Company to show"), [at_most(200)], filters=[tidied])
    publish_website = BooleanField(_l("Yes, you may show my words on your website"))
    publish_brochure = BooleanField(_l("Yes, you may print my words in your brochures"))
    publish_social = BooleanField(_l("Yes, you may share my words on social media"))

    @property
    def wordings(self) -> Mapping[str, str]:
        """The wording of each permission, in the language of the page."""
        return {name: str(self[name].label.text) for name in PERMISSIONS}


class ShorteningForm(Form):
    """The team's shorter version of a quote."""

    edited_quote = TextAreaField(
        _l("Shorter version"),
        [DataRequired(_l("Leave some words.")), at_most(10_000)],
        filters=[tidied],
    )
