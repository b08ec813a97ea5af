"""Assemble the whole application: the only module that knows all parts."""

from flask import Flask
from flask_migrate import Migrate
from limits.storage import MemoryStorage

from service import blueprints, commands
from service.config import Settings
from service.core import ROOT, create_core
from service.extensions import csrf, db, limiter


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application from `settings` (default: the environment); raises SettingError."""
    app = create_core(settings or Settings.from_environment())
    Migrate(app, db, directory=str(ROOT / "migrations"), compare_type=True)
    limiter.init_app(app)
    rest_limiter()
    blueprints.register(app)
    csrf.init_app(app)  # reads forms, so only after it was asked who sends them
    commands.register(app)
    return app


def rest_limiter() -> None:
    """End the timer thread that the limiter's fallback starts; it starts one when it needs one.

    A process under libfaketime would wait for that thread at its end until the real clock gets
    there: semaphores wait on the real monotonic clock, whatever Python has been told.
    """
    fallback = limiter._fallback_storage
    if isinstance(fallback, MemoryStorage):
        fallback.timer.cancel()
