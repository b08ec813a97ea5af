"""The company: its settings and its logo."""

import secrets
from dataclasses import dataclass

from service import current
from service.actions import logos
from service.clock import now
from service.extensions import db
from service.models import Company


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """What the settings page says of the company."""

    name: str
    accent: str  # #rrggbb
    signature: str
    postal_address: str
    website: str
    time_zone: str
    language: str
    sender_email: str  # empty: MAIL_DEFAULT_SENDER


def save(facts: CompanyFacts) -> Company:
    """Keep the company's settings."""
    company = current.company()
    for name in CompanyFacts.__slots__:
        setattr(company, name, getattr(facts, name).strip())
    company.accent = company.accent.lower()
    company.updated_at = now()
    db.session.add(company)
    db.session.flush()
    return company


def set_logo(company: Company, picture: bytes) -> None:
    """Keep `picture` as the logo; raises Refused when it is none that every browser shows."""
    company.logo_type = logos.sniff(picture)
    company.logo = logos.without_metadata(picture)
    company.logo_version = secrets.token_urlsafe(8)
    db.session.flush()


def remove_logo(company: Company) -> None:
    """Forget the logo."""
    company.logo = company.logo_type = company.logo_version = None
    db.session.flush()
