"""Put the rooms together: the only module that knows them all."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from limits.storage import MemoryStorage

from service import blueprints, commands, database, logs
from service.config import Settings
from service.extensions import babel, csrf, db, limiter, migrate, queue
from service.mail.delivery.smtp import mail
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
    settings.data_dir.mkdir(parents=True, exist_ok=True)
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
    csrf.init_app(app)
    limiter.init_app(app)
    rest_limiter()
    mail.init_app(app)
    queue.init_app(app, settings.redis_url)
    conditions.ask_also(app, situations.stopped)
    blueprints.register(app)
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


def flask_config(settings: Settings) -> dict[str, Any]:
    """Say the settings in the words of Flask and its extensions."""
    secure = settings.base_url.startswith("https://")
    return {
        "SECRET_KEY": settings.secret_keys[-1],
        "SECRET_KEY_FALLBACKS": list(settings.secret_keys[:-1]),
        "SESSION_COOKIE_NAME": "__Host-session" if secure else "session",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=14),
        "MAX_CONTENT_LENGTH": 60 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        # What was typed must not get into logs by way of an error's text.
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_pre_ping": True,
            "hide_parameters": True,
            "max_overflow": 10 + 2 * settings.mail_connections,  # a sender has up to two
        },
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": False,  # it wants a Referer, which Referrer-Policy keeps back
        "RATELIMIT_STORAGE_URI": re.sub(r"^unix:", "redis+unix:", settings.redis_url),
        "RATELIMIT_STORAGE_OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
        "RATELIMIT_KEY_PREFIX": "hasta-luego",
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,
        "RATELIMIT_SWALLOW_ERRORS": True,
        "BABEL_DEFAULT_LOCALE": settings.default_language,
        "BABEL_DEFAULT_TIMEZONE": settings.time_zone,
        "MAIL_SERVER": settings.mail_server,
        "MAIL_PORT": settings.mail_port,
        "MAIL_USE_TLS": settings.mail_use_tls,
        "MAIL_USE_SSL": settings.mail_use_ssl,
        "MAIL_USERNAME": settings.mail_username,
        "MAIL_PASSWORD": settings.mail_password,
        "MAIL_DEFAULT_SENDER": settings.mail_default_sender,
        "MAIL_TIMEOUT": settings.mail_timeout,
        "TEMPLATES_AUTO_RELOAD": False,
    }
