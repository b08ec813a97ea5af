"""The example of settings names them all, and each as it may be written."""

import re
import subprocess

import pytest
from dotenv import dotenv_values

from service.config import SettingError, Settings
from tests.deployment.programs import DEPLOYMENT, example
from tests.settings.names import setting_names

FILE = DEPLOYMENT / "hasta-luego.env.example"
OF_DEVELOPMENT = {"MAIL_READER_URL"}  # where a development run shows its mails


def wished_for() -> dict[str, str]:
    """Return the settings of the example that are off, and say something."""
    return dict(re.findall(r"^#([A-Z_]+)=(.+)$", FILE.read_text(), re.MULTILINE))


def test_it_names_every_setting_of_production_and_no_other():
    named = re.findall(r"^#?([A-Z_]+)=", FILE.read_text(), re.MULTILINE)

    assert sorted(named) == sorted(setting_names() - OF_DEVELOPMENT)


def test_the_commands_read_it_as_the_units_do():
    assert dotenv_values(FILE, interpolate=True) == example()


def test_as_it_is_it_lacks_only_what_nobody_else_may_know():
    with pytest.raises(SettingError, match=r"^SECRET_KEY: must be set in production"):
        Settings.from_environment(example())
    Settings.from_environment(example() | {"SECRET_KEY": "k" * 64})


@pytest.mark.parametrize("name", wished_for())
def test_what_is_off_in_it_can_be_switched_on(name):
    wish = {name: wished_for()[name]}

    Settings.from_environment(example() | {"SECRET_KEY": "k" * 64} | wish)


def test_the_line_that_makes_a_secret_makes_one():
    (command,) = re.findall(r"^# (python3 -c '.+');", FILE.read_text(), re.MULTILINE)
    made = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout

    assert len(made.strip()) == 64
