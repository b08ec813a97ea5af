"""Save the company's settings and its logo."""

import secrets
from collections.abc import Mapping
from typing import Any

from service import current
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


def set_logo(company: Company, picture: bytes) -> None:
    """Save `picture` as the logo; raises Refused when browsers do not all show its format."""
    company.logo_type = rules.media_type(picture)
    company.logo = rules.without_metadata(picture)
    company.logo_version = secrets.token_urlsafe(8)
    db.session.flush()


def remove_logo(company: Company) -> None:
    """Remove the logo."""
    company.logo = company.logo_type = company.logo_version = None
    db.session.flush()
