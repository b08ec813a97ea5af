"""Read the environment into frozen settings, and derive Flask's configuration from them.

A wrong setting raises an error that names it. Nothing here opens a connection.
"""

import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LANGUAGES = ("es", "en")
_NOWHERE = (".localhost", ".localdomain", ".local", ".invalid")  # never of the Internet (RFC 6761)
LARGEST_MAIL = 1024 * 1024  # octets that are read, and kept, of a mail that came in
LONGEST_LOCAL = 24  # a plus and 39 characters of signature follow; 64 are allowed (RFC 5321)


class SettingError(ValueError):
    """A setting that cannot be used. The message is one line and begins with its name."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of mails in a number of seconds."""

    mails: int
    seconds: int

    @classmethod
    def parse(cls, text: str, name: str = "MAIL_RATE") -> "Rate":
        """Read ``14/s``, ``100/m`` or ``1000/h``; raises SettingError on anything else."""
        match = re.fullmatch(r"\s*([1-9]\d{0,6})\s*/\s*([smh])\s*", text)
        if not match:
            raise SettingError(name, f"{text!r} is not a rate; write it as 14/s or 1000/h")
        return cls(int(match[1]), {"s": 1, "m": 60, "h": 3600}[match[2]])


@dataclass(frozen=True, slots=True)
class DailyLimit:
    """The ramp-up of a new sender: `first` mails on day one, each day `growth` times as many."""

    first: int
    growth: float

    @classmethod
    def parse(cls, text: str) -> "DailyLimit":
        """Read ``50`` (half as many again each day) or ``50x2``; raises SettingError."""
        match = re.fullmatch(r"\s*([1-9]\d{0,6})\s*(?:x\s*([1-9](?:\.\d{1,3})?))?\s*", text)
        growth = float(match[2] or 1.5) if match else 0.0
        if not match or growth <= 1.0:
            why = f"{text!r} is no plan; write it as 50, or as 50x1.5 to say how it grows each day"
            raise SettingError("MAIL_RAMP_UP", why)
        return cls(int(match[1]), growth)

    def on_day(self, number: int) -> int:
        """Return how many mails may go on the day `number`, the first being 0."""
        return int(self.first * self.growth ** min(number, 60))


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the environment decides; nothing else reads the environment."""

    database_url: str = field(repr=False)  # may hold a password, as the next one may
    redis_url: str = field(repr=False)
    data_dir: Path
    secret_keys: tuple[str, ...] = field(repr=False)  # oldest first; the last one signs
    base_url: str
    port: int
    production: bool
    mail_server: str
    mail_port: int
    mail_use_tls: bool
    mail_use_ssl: bool
    mail_username: str | None
    mail_password: str | None = field(repr=False)
    mail_default_sender: str
    mail_rate: Rate | None
    mail_timeout: float  # seconds, for connecting and for each command
    mail_connections: int  # at a time, of each worker
    mail_domain_rate: Rate | None  # to each recipient's domain
    mail_ramp_up: DailyLimit | None
    mail_bounce_address: str | None  # what comes back goes there, with a signature behind a plus
    mail_inbox_url: str | None = field(repr=False)  # the mailbox of that address
    ses_topic: str | None  # ARN of the SNS topic
    sendgrid_key: str | None  # public, base64
    postmark_login: str | None = field(repr=False)  # user:password of the webhook's address
    mailgun_key: str | None = field(repr=False)
    metrics_token: str | None = field(repr=False)
    dns_server: str | None  # address, or address:port, for the mail doctor
    mail_reader_url: str | None  # where the mail catcher of a development run shows mails
    time_zone: str
    default_language: str
    trusted_proxies: int  # how many reverse proxies stand in front and set X-Forwarded-For

    @classmethod
    def from_environment(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings; raises SettingError, one readable line that names the setting."""
        env = os.environ if env is None else env
        production = _choice(env, "ENVIRONMENT", ("development", "production"), "development")
        data_dir = Path(env.get("DATA_DIR") or "var").resolve()
        port = _number(env, "PORT", 8000, 1, 65535)
        return cls(
            database_url=_database_url(env, data_dir),
            redis_url=_redis_url(env),
            data_dir=data_dir,
            secret_keys=_secret_keys(env, data_dir, production == "production"),
            base_url=_base_url(env, port),
            port=port,
            production=production == "production",
            mail_server=env.get("MAIL_SERVER") or "localhost",
            mail_port=_number(env, "MAIL_PORT", 25, 1, 65535),
            mail_use_tls=_flag(env, "MAIL_USE_TLS"),
            mail_use_ssl=_flag(env, "MAIL_USE_SSL"),
            mail_username=env.get("MAIL_USERNAME") or None,
            mail_password=env.get("MAIL_PASSWORD") or None,
            mail_default_sender=_sender(env, production == "production"),
            mail_rate=_rate(env, "MAIL_RATE"),
            mail_timeout=float(_number(env, "MAIL_TIMEOUT", 30, 1, 300)),
            mail_connections=_number(env, "MAIL_CONNECTIONS", 1, 1, 50),
            mail_domain_rate=_rate(env, "MAIL_DOMAIN_RATE"),
            mail_ramp_up=DailyLimit.parse(text) if (text := env.get("MAIL_RAMP_UP")) else None,
            mail_bounce_address=_address(env, "MAIL_BOUNCE_ADDRESS"),
            mail_inbox_url=_inbox_url(env),
            ses_topic=env.get("SES_TOPIC") or None,
            sendgrid_key=env.get("SENDGRID_KEY") or None,
            postmark_login=_login(env, "POSTMARK_LOGIN"),
            mailgun_key=env.get("MAILGUN_KEY") or None,
            metrics_token=env.get("METRICS_TOKEN") or None,
            dns_server=env.get("DNS_SERVER") or None,
            mail_reader_url=env.get("MAIL_READER_URL") or None,
            time_zone=_time_zone(env),
            default_language=_choice(env, "DEFAULT_LANGUAGE", LANGUAGES, "es"),
            trusted_proxies=_number(env, "TRUSTED_PROXIES", 0, 0, 10),
        )


def flask_config(settings: Settings) -> dict[str, Any]:
    """Return the keys of Flask and its extensions, all of them derived from `settings`.

    Our own code reads the settings; only libraries read these.
    """
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


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdecimal() or not low <= int(text) <= high:
        raise SettingError(name, f"{text!r} is not a whole number from {low} to {high}")
    return int(text)


def _rate(env: Mapping[str, str], name: str) -> Rate | None:
    text = env.get(name)
    return Rate.parse(text, name) if text else None


def _address(env: Mapping[str, str], name: str) -> str | None:
    text = env.get(name)
    if text and not re.fullmatch(r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+", text):
        raise SettingError(name, f"{text!r} is no plain address such as bounces@example.com")
    if text and len(text.partition("@")[0]) > LONGEST_LOCAL:
        raise SettingError(name, f"use at most {LONGEST_LOCAL} characters before the @")
    return text or None


def _sender(env: Mapping[str, str], production: bool) -> str:
    """Return the sender's address; in production one of a domain that mails can be sent from."""
    text = env.get("MAIL_DEFAULT_SENDER") or "hasta-luego@localhost"
    local, _at, domain = parseaddr(text)[1].rpartition("@")
    is_real = local and re.fullmatch(r"([^\s.\[\]]+\.)+[^\W\d][^\s.\[\]]+", domain)
    if production and (not is_real or domain.lower().endswith(_NOWHERE)):
        why = f"{text!r} is nobody's address; in production set one of your own domain"
        raise SettingError("MAIL_DEFAULT_SENDER", f"{why}, such as adios@example.com")
    return text


def _login(env: Mapping[str, str], name: str) -> str | None:
    text = env.get(name)
    if text and not all(text.partition(":")):
        raise SettingError(name, "write it as user:password")
    return text or None


def _inbox_url(env: Mapping[str, str]) -> str | None:
    url = env.get("MAIL_INBOX_URL")
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"imap", "imaps"} or not parts.hostname or not parts.username:
        raise SettingError("MAIL_INBOX_URL", "write it as imaps://user:password@host/INBOX")
    return url


def _choice(env: Mapping[str, str], name: str, among: tuple[str, ...], default: str) -> str:
    text = env.get(name) or default
    if text not in among:
        raise SettingError(name, f"{text!r} is not one of {', '.join(among)}")
    return text


def _flag(env: Mapping[str, str], name: str) -> bool:
    text = (env.get(name) or "no").lower()
    if text not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
        raise SettingError(name, f"{text!r} is neither yes nor no")
    return text in {"1", "true", "yes", "on"}


def _time_zone(env: Mapping[str, str]) -> str:
    name = env.get("TIMEZONE") or "Europe/Madrid"
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingError("TIMEZONE", f"{name!r} is no time zone such as Europe/Madrid") from None


def _database_url(env: Mapping[str, str], data_dir: Path) -> str:
    url = env.get("DATABASE_URL") or f"sqlite:///{data_dir / 'hasta-luego.sqlite3'}"
    for plain in ("postgres://", "postgresql://"):
        if url.startswith(plain):
            url = "postgresql+psycopg://" + url.removeprefix(plain)
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise SettingError("DATABASE_URL", "begin it with postgresql:// or sqlite:///")
    return url


def _redis_url(env: Mapping[str, str]) -> str:
    url = env.get("REDIS_URL") or "redis://localhost:6379/0"
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise SettingError("REDIS_URL", "begin it with redis://, rediss:// or unix://")
    return url


def _base_url(env: Mapping[str, str], port: int) -> str:
    url = (env.get("BASE_URL") or f"http://localhost:{port}").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise SettingError("BASE_URL", f"{url!r} is no address such as https://adios.example.com")
    return url


def _secret_keys(env: Mapping[str, str], data_dir: Path, production: bool) -> tuple[str, ...]:
    fallbacks = tuple(k for k in re.split(r"[\s,]+", env.get("SECRET_KEY_FALLBACKS", "")) if k)
    key = env.get("SECRET_KEY")
    if key:
        if len(key) < 16:
            raise SettingError("SECRET_KEY", "too short; use at least 16 characters")
        return (*fallbacks, key)
    if production:
        raise SettingError("SECRET_KEY", "must be set in production; keep it as safe as a password")
    return (*fallbacks, _kept_key(data_dir))


def _kept_key(data_dir: Path) -> str:
    """Return the development key under `data_dir`, made once, readable by its owner only.

    It is linked into place when it is whole: processes that start together read one key.
    """
    path = data_dir / "secret_key"
    try:
        if not path.exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            draft = data_dir / f".secret_key.{os.getpid()}.{secrets.token_hex(4)}"
            with os.fdopen(
                os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
            ) as file:
                file.write(secrets.token_urlsafe(32))
            with suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        key = path.read_text().strip()
    except OSError as error:
        raise SettingError("DATA_DIR", f"cannot keep {path} ({error.strerror})") from None
    if not key:
        raise SettingError("DATA_DIR", f"{path} is empty; remove it, or set SECRET_KEY")
    return key
