"""Email addresses as people type them."""

from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_babel import lazy_gettext as _l
from wtforms import Field
from wtforms.validators import DataRequired, Optional, StopValidation

from forms.texts import at_most


class EmailAddress:
    """Accepts one address that mail can go to; asks no server."""

    def __call__(self, form: Any, field: Field) -> None:
        """Raise StopValidation for anything else."""
        try:
            validate_email(field.data or "", check_deliverability=False)
        except EmailNotValidError:
            raise StopValidation(
                str(_l("That is no email address. It looks like name@company.com."))
            ) from None


ADDRESS = (DataRequired(_l("Write the email address.")), at_most(254), EmailAddress())
ADDRESS_OR_NONE = (Optional(), at_most(254), EmailAddress())
