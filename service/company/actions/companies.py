"""The company: its settings and its logo."""

import secrets
from dataclasses import dataclass, fields
from datetime import time

from service import current
from service.clock import now
from service.company.actions import logos
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
    quiet_from: time | None  # both or none
    quiet_until: time | None
    daily_cap: int  # at least 1
    basis_months: int  # bases.FEWEST_MONTHS to MOST_MONTHS


WORDS = tuple(field.name for field in fields(CompanyFacts) if field.type is str)


def save(facts: CompanyFacts) -> Company:
    """Keep the company's settings."""
    company = current.company()
    for name in WORDS:
        setattr(company, name, getattr(facts, name).strip())
    company.accent = company.accent.lower()
    company.quiet_from, company.quiet_until = facts.quiet_from, facts.quiet_until
    company.daily_cap, company.basis_months = facts.daily_cap, facts.basis_months
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
