"""Save the company's settings and its logo."""

import secrets
from collections.abc import Mapping
from typing import Any

from service import current, pictures
from service.clock import now
from service.company import rules
from service.extensions import db
from service.models import Company


def save(values: Mapping[str, Any]) -> Company:
    """Save `values`, the checked settings by the names of their columns."""
    company = current.company()
    for column, value in values.items():
        setattr(company, column, value)
    company.updated_at = now()
    db.session.add(company)
    db.session.flush()
    return company


def set_logo(company: Company, file: bytes) -> None:
    """Save the picture in `file`, written anew, as the logo; raises Refused with the way out."""
    rules.check(file)
    picture = pictures.written_anew(file, is_drawing=True)
    company.logo, company.logo_type = picture.octets, picture.media_type
    company.logo_version = secrets.token_urlsafe(8)
    db.session.flush()


def remove_logo(company: Company) -> None:
    """Remove the logo."""
    company.logo = company.logo_type = company.logo_version = None
    db.session.flush()
