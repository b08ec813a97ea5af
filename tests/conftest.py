"""The app of the tests: on SQLite and on PostgreSQL, with a real Valkey and a real SMTP server."""

import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import hypothesis
import pytest
from argon2 import PasswordHasher
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from service.app import create_app
from service.config import Settings
from service.database import only_reading
from service.extensions import db, limiter, queue
from service.team.actions import passwords
from tests import any_hour
from tests.mailboxes import Mailbox
from tests.processes import MEMORY, has_room, private_directory

# In CI the same examples each time: a red CI is about the change. Elsewhere they are new ones.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

any_hour.by_default()

pytest_plugins = [
    "tests.servers",
    "tests.skips",
    "tests.order",
    "tests.live",
    "tests.postfix",
    "tests.dovecot",
]


BEGIN_IDS_ANEW = """SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)
    FROM pg_sequences WHERE last_value IS NOT NULL"""


def pytest_collection_finish() -> None:
    """Let no test look through what is imported for garbage: that takes a twentieth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Each test that touches the database runs once on each kind."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Argon2 takes a third of a second of processor time by design; here a hundredth will do."""
    cheap = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    with patch.object(passwords, "_hasher", cheap):
        yield


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the session's databases: in memory where there is room.

    Each commit is flushed to the disk, which takes longer than all else that most tests do.
    """
    if has_room(MEMORY):
        with private_directory(where=MEMORY) as path:
            yield path
    else:
        yield tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def apps() -> Iterator[dict[str, Flask]]:
    """The session's app per kind of database, made when first asked for."""
    made: dict[str, Flask] = {}
    yield made
    for app in made.values():
        with app.app_context():
            db.engine.dispose()


def settings_for(database_url: str, redis_url: str, data_dir: Path, mail_port: int) -> Settings:
    """Return the settings of a test: every server real, everything kept in `data_dir`."""
    return Settings.from_environment(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "DATA_DIR": str(data_dir),
            "SECRET_KEY": "a key for the tests only",
            "BASE_URL": "http://localhost",
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": str(mail_port),
            "MAIL_TIMEOUT": "5",
        }
    )


@pytest.fixture
def settings(
    database: str,
    request: pytest.FixtureRequest,
    redis_url: str,
    smtp_server: Mailbox,
    home: Path,
    apps: dict[str, Flask],
) -> Settings:
    """The settings of the app under test."""
    if database in apps:
        found: Settings = apps[database].extensions["settings"]
        return found
    folder = Path(tempfile.mkdtemp(prefix=f"{database}-", dir=home))
    if database == "sqlite":
        url = f"sqlite:///{folder / 'test.sqlite3'}"
    else:
        server = request.getfixturevalue("postgres_server")
        url = server.new_database(folder.name)
    return settings_for(url, redis_url, folder, smtp_server.port)


@pytest.fixture
def app(database: str, settings: Settings, apps: dict[str, Flask]) -> Iterator[Flask]:
    """The app on an empty database. An app context is pushed for the test."""
    if database not in apps:
        apps[database] = create_app(settings)
        with apps[database].app_context():
            db.create_all()
    app = apps[database]
    with app.app_context():
        queue.jobs.connection.delete(queue.jobs.key)  # what an earlier test hinted at
        yield app
        db.session.rollback()
        db.session.remove()
        only_reading.set(False)  # a request sets it for its thread, and those of tests share ours
        empty_all_tables()


def empty_all_tables() -> None:
    """Empty the database; the ids begin anew.

    A test fills few of the tables: one question finds those, and only they are emptied.
    PostgreSQL would make a new file of each table that it truncates, so rows are deleted there too.
    """
    with db.engine.begin() as connection:
        ask = connection.exec_driver_sql
        is_postgresql = connection.dialect.name == "postgresql"
        no_checks = "SET LOCAL session_replication_role = replica"  # no triggers
        ask(no_checks if is_postgresql else "PRAGMA defer_foreign_keys=ON")
        for (name,) in ask(tables_with_rows()).all():
            ask(f"DELETE FROM {name}")
        if is_postgresql:
            ask(BEGIN_IDS_ANEW.replace("%", "%%"))


@cache
def tables_with_rows() -> str:
    """Return the query that names them, those first to whose rows no others refer."""
    names = [table.name for table in reversed(db.metadata.sorted_tables)]
    return " UNION ALL ".join(f"SELECT '{n}' WHERE EXISTS (SELECT 1 FROM {n})" for n in names)


@pytest.fixture
def session(app: Flask) -> Session:
    """The database session of the test's app context."""
    return db.session()


class Browser(FlaskClient):
    """Each request begins with an empty `g`, as in a server, yet shares the test's context.

    A transaction in which it only read ends with it, as in a server: after what is written behind
    the answer, SQLite would let the test write nothing in it.
    """

    def open(self, *args: object, **kwargs: object):
        was_begun = db.session().in_transaction()
        vars(g._get_current_object()).clear()
        answer = super().open(*args, **kwargs)
        if only_reading.get() and not was_begun:
            db.session.rollback()
        return answer


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without script, not logged in."""
    app.test_client_class = Browser
    return app.test_client()


@pytest.fixture
def remade(app: Flask, settings: Settings) -> Iterator[Callable[..., Flask]]:
    """A function that makes another app on the same database with some settings changed."""
    made: list[Flask] = []
    before = dict(vars(limiter))  # it belongs to the last app made

    def remake(**changes: object) -> Flask:
        made.append(create_app(replace(settings, **changes)))
        return made[-1]

    yield remake
    vars(limiter).update(before)
    for other in made:
        with other.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def bouncing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The app with MAIL_BOUNCE_ADDRESS set; a function that changes other settings as well."""

    def with_settings(**changes: object) -> None:
        found: Settings = app.extensions["settings"]
        monkeypatch.setitem(app.extensions, "settings", replace(found, **changes))

    with_settings(mail_bounce_address="rebotes@norte.example")
    return with_settings
