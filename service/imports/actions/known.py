"""What a list may refer to: reasons in every language that we speak, and people of the team."""

from flask_babel import force_locale
from sqlalchemy import select

from service.config import LANGUAGES
from service.extensions import db
from service.imports.rules import Known, plain
from service.labels import label
from service.models import Reason, TeamMember


def known() -> Known:
    """Return the reasons by code and label, and the addresses of providers who can log in."""
    reasons = {plain(reason): reason for reason in Reason}
    for language in LANGUAGES:
        with force_locale(language):
            reasons |= {plain(label(reason)): reason for reason in Reason}
    addresses = db.session.scalars(select(TeamMember.email).where(TeamMember.is_active))
    return Known(reasons, frozenset(address.casefold() for address in addresses))
