"""What belongs to the running app: its settings, its signer, and the one company."""

from flask import current_app

from service.config import Settings
from service.extensions import db
from service.models.companies import BASIS_MONTHS, DAILY_CAP, DEFAULT_ACCENT, Company
from service.tokens import Purpose, Signer


def settings() -> Settings:
    """Return the settings of the running app."""
    found: Settings = current_app.extensions["settings"]
    return found


def sign(purpose: Purpose, public_id: str) -> str:
    """Return a token that names `public_id` for `purpose`."""
    signer: Signer = current_app.extensions["signer"]
    return signer.sign(purpose, public_id)


def read_token(purpose: Purpose, token: str) -> str | None:
    """Return the public id inside `token`, or None when it is not ours for `purpose`."""
    signer: Signer = current_app.extensions["signer"]
    return signer.read(purpose, token)


def company() -> Company:
    """Return the company; before the settings page was saved once, an unsaved one with defaults."""
    return db.session.get(Company, 1) or Company(
        id=1,
        name="",
        accent=DEFAULT_ACCENT,
        signature="",
        postal_address="",
        website="",
        sender_email="",
        daily_cap=DAILY_CAP,
        basis_months=BASIS_MONTHS,
        time_zone=settings().time_zone,
        language=settings().default_language,
    )
