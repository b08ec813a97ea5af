"""Read the address in a cell. Asks no server whether it exists."""

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _

from service.imports.rules.problems import BadValue

INVISIBLE = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xAD])
_ADDRESS = re.compile(r"[^\s,;<>|/]+@[^\s,;<>|/]+")


@lru_cache(maxsize=4096)
def read_email(text: str) -> str:
    """Return the one address in `text`; raises BadValue with what is wrong with it."""
    address = text.translate(INVISIBLE).strip()
    if "@" not in address:
        raise BadValue(_("An address needs an @, as in ana@empresa.es."))
    if len(_ADDRESS.findall(address)) > 1:
        raise BadValue(_("There is more than one address here. Give each contact its own row."))
    if re.search(r"[\s<>]", address):
        raise BadValue(_("Write only the address, without a name or spaces."))
    before, _at, after = address.rpartition("@")
    if not before or not after:
        raise BadValue(_("A part of the address is missing: it is written name@company.es."))
    if not before.isascii():
        raise BadValue(_("Letters with an accent or ñ cannot stand before the @."))
    return _checked(address)


def _checked(address: str) -> str:
    try:
        found = validate_email(
            address,
            allow_smtputf8=False,
            check_deliverability=False,
            globally_deliverable=False,
            test_environment=True,
        )
    except EmailNotValidError:
        raise BadValue(_("Mail cannot be sent to this address. Check how it is written.")) from None
    if "." not in found.domain:
        raise BadValue(_("After the @ a whole domain is needed, as in ana@empresa.es."))
    return found.normalized
