"""The running app's settings, its signer and its one company."""

from flask import current_app

from service.config import Settings
from service.extensions import db
from service.models.companies import Company
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
    """Return the company; until its settings are saved once, an unsaved row of defaults."""
    saved = db.session.get(Company, 1)
    return saved or Company.unsaved(settings().time_zone, settings().default_language)
