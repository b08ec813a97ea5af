"""Assemble the application: the only module that knows all parts."""

from pathlib import Path

from flask import Flask
from limits.storage import MemoryStorage

from service import blueprints, commands, database, logs
from service.config import Settings, flask_config
from service.extensions import babel, csrf, db, limiter, migrate, queue
from service.mail.delivery.flask_mail import mail
from service.mail.policy import conditions
from service.protocols.queries import situations
from service.tokens import Signer
from service.web import language

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application from `settings` (default: the environment); raises SettingError."""
    settings = settings or Settings.from_environment()
    app = Flask(
        "service", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static")
    )
    app.config.from_mapping(flask_config(settings))
    app.extensions["settings"] = settings
    app.extensions["signer"] = Signer(settings.secret_keys)
    logs.configure()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    db.init_app(app)
    with app.app_context():
        database.prepare(db.engine)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"), compare_type=True)
    babel.init_app(
        app,
        default_translation_directories=str(ROOT / "translations"),
        locale_selector=language.select_language,
        timezone_selector=language.select_time_zone,
    )
    limiter.init_app(app)
    rest_limiter()
    mail.init_app(app)
    queue.init_app(app, settings.redis_url)
    conditions.ask_also(app, situations.stopped)
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
