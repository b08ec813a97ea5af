"""The environment becomes settings, or one line that names what is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.config import DailyLimit, Rate, SettingError, Settings
from tests.settings.names import setting_names

ROOT = Path(__file__).resolve().parent.parent
KEY = "a key for the tests only"
IN_PRODUCTION = {"ENVIRONMENT": "production", "SECRET_KEY": KEY}


def read(tmp_path: Path, **env: str) -> Settings:
    return Settings.from_environment({"DATA_DIR": str(tmp_path), **env})


def test_an_empty_environment_is_enough_to_develop(tmp_path):
    settings = read(tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path / 'hasta-luego.sqlite3'}"
    assert (settings.base_url, settings.port) == ("http://localhost:8000", 8000)
    assert (settings.time_zone, settings.default_language) == ("Europe/Madrid", "es")
    assert (settings.trusted_proxies, settings.mail_rate, settings.production) == (0, None, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://localhost/a"),
        ("REDIS_URL", "http://localhost"),
        ("BASE_URL", "adios.example.com"),
        ("BASE_URL", "ftp://adios.example.com"),
        ("BASE_URL", "https://adios.example.com/?a=b"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "eighty"),
        ("PORT", "-1"),
        ("ENVIRONMENT", "staging"),
        ("SECRET_KEY", "short"),
        ("MAIL_PORT", "99999"),
        ("MAIL_USE_TLS", "perhaps"),
        ("MAIL_USE_SSL", "2"),
        ("MAIL_RATE", "fast"),
        ("MAIL_RATE", "0/s"),
        ("MAIL_TIMEOUT", "0"),
        ("MAIL_CONNECTIONS", "0"),
        ("MAIL_DOMAIN_RATE", "5"),
        ("MAIL_RAMP_UP", "50x1"),
        ("MAIL_RAMP_UP", "a few"),
        ("MAIL_BOUNCE_ADDRESS", "bounces+more@norte.example"),
        ("MAIL_INBOX_URL", "https://norte.example"),
        ("MAIL_INBOX_URL", "imaps://norte.example"),
        ("POSTMARK_LOGIN", "only-a-name"),
        ("TIMEZONE", "Europe/Nowhere"),
        ("TIMEZONE", "../etc/passwd"),
        ("DEFAULT_LANGUAGE", "fr"),
        ("TRUSTED_PROXIES", "all"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_in_one_line(tmp_path, name, value):
    with pytest.raises(SettingError) as caught:
        read(tmp_path, **{name: value})
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(setting_names()))
def test_an_empty_value_counts_as_none(tmp_path, name):
    settings = (
        Settings.from_environment({"DATA_DIR": str(tmp_path), name: ""})
        if (name != "DATA_DIR")
        else Settings.from_environment({"DATA_DIR": "", "SECRET_KEY": KEY})
    )
    assert settings.port == 8000


def test_production_refuses_to_start_without_a_secret_key(tmp_path):
    with pytest.raises(SettingError, match=r"^SECRET_KEY: "):
        read(tmp_path, ENVIRONMENT="production")
    sender = {"MAIL_DEFAULT_SENDER": "adios@norte.example"}
    assert read(tmp_path, **IN_PRODUCTION, **sender).secret_keys == (KEY,)
    assert not (tmp_path / "secret_key").exists()


@pytest.mark.parametrize(
    "sender",
    [
        "",  # hasta-luego@localhost
        "hasta-luego@localhost",
        "Adiós <adios@server>",
        "adios@server.local",
        "adios@192.168.1.2",
        "adios@[192.168.1.2]",
        "norte.example",
        "@norte.example",
        "adios@norte..example",
    ],
)
def test_production_refuses_to_start_with_a_sender_to_whom_nobody_can_write(tmp_path, sender):
    with pytest.raises(SettingError, match=r"^MAIL_DEFAULT_SENDER: .*adios@example\.com$"):
        read(tmp_path, **IN_PRODUCTION, MAIL_DEFAULT_SENDER=sender)
    assert read(tmp_path, MAIL_DEFAULT_SENDER=sender).mail_default_sender  # to develop, any will do


@pytest.mark.parametrize("sender", ["Estudio Ñandú <hola@ñandú.example>", "a@b.c.co"])
def test_production_sends_from_any_address_of_a_domain(tmp_path, sender):
    assert read(tmp_path, **IN_PRODUCTION, MAIL_DEFAULT_SENDER=sender).mail_default_sender == sender


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    first = read(tmp_path).secret_keys
    assert read(tmp_path).secret_keys == first
    assert len(first[0]) >= 32
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_processes_that_start_together_share_one_key(tmp_path):
    program = "from service.config import Settings; print(Settings.from_environment().secret_keys)"
    env = {**os.environ, "DATA_DIR": str(tmp_path)}
    started = [
        subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=env, stdout=subprocess.PIPE)
        for _number in range(4)
    ]
    assert len({process.communicate()[0] for process in started}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_key_that_was_lost_is_said_not_used(tmp_path):
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(SettingError, match=r"^DATA_DIR: "):
        read(tmp_path)


def test_keys_rotate_the_oldest_first(tmp_path):
    settings = read(tmp_path, SECRET_KEY=KEY, SECRET_KEY_FALLBACKS="oldest key, older key")
    assert settings.secret_keys == ("oldest", "key", "older", "key", KEY)


def test_a_postgresql_url_is_taken_as_hosts_give_it(tmp_path):
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        url = read(tmp_path, DATABASE_URL=f"{scheme}://u:p@db/farewell").database_url
        assert url == "postgresql+psycopg://u:p@db/farewell"


def test_rates_are_read_per_second_minute_and_hour():
    assert Rate.parse("14/s") == Rate(14, 1)
    assert Rate.parse(" 100 / m ") == Rate(100, 60)
    assert Rate.parse("1000/h") == Rate(1000, 3600)


def test_a_ramp_up_grows_from_day_to_day():
    assert [DailyLimit.parse("50").on_day(day) for day in (0, 1, 2)] == [50, 75, 112]
    assert DailyLimit.parse("20 x 2").on_day(3) == 160


def test_nothing_else_reads_the_environment():
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "service").rglob("*.py")
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    ]
    assert readers == ["service/config.py"]
