"""The units are right in the eyes of systemd, stop politely, and may do no more than they need."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from service.config import Settings
from tests.deployment.programs import INSTALLED, SHARED, UNITS, read_unit, services
from tests.live import ROOT
from tests.processes import missing

NAMES = [path.name for path in services()]


def systemd_analyze(*words: str) -> subprocess.CompletedProcess[str]:
    """Ask systemd's own reader of units; it needs no systemd that runs."""
    program = shutil.which("systemd-analyze") or missing(
        "systemd-analyze (apt-get install systemd)"
    )
    return subprocess.run([program, *words], capture_output=True, text=True, timeout=60)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The units as they are, but for where the service is installed: in this checkout."""
    for path in UNITS.rglob("*.*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(UNITS)
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(path.read_text().replace(INSTALLED, str(ROOT)))
    return tmp_path


def test_systemd_finds_nothing_to_complain_of(here):
    units = [str(path) for path in (here / "hasta-luego.target", *sorted(here.glob("*.service")))]
    verified = systemd_analyze("verify", "--man=no", *units)

    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_may_do_no_more_than_it_needs(here, name):
    judged = systemd_analyze("security", "--offline=true", "--threshold=20", str(here / name))

    assert judged.returncode == 0, judged.stdout


def test_all_units_start_and_stop_with_the_target():
    assert NAMES == [
        "hasta-luego-clock.service",
        "hasta-luego-web.service",
        "hasta-luego-worker@.service",
    ]
    assert read_unit(SHARED)["Unit.PartOf"] == "hasta-luego.target"
    assert {read_unit(path)["Install.WantedBy"] for path in services()} == {"hasta-luego.target"}


def test_a_setting_that_cannot_be_used_is_not_tried_again():
    shared = read_unit(SHARED)
    assert shared["Service.Restart"] == "on-failure"
    assert shared["Service.RestartPreventExitStatus"] == "3"  # see tests/dev/test_entry_points.py


def test_a_stop_asks_the_main_process_alone_and_gives_it_the_ten_seconds_that_we_promise():
    shared = read_unit(SHARED)
    assert (shared["Service.KillMode"], shared["Service.KillSignal"]) == ("mixed", "SIGTERM")
    for path in services():
        assert int(read_unit(path)["Service.TimeoutStopSec"]) > 10


def test_a_worker_may_wait_longer_for_the_mail_server_than_it_does_by_itself():
    patience = int(read_unit(UNITS / "hasta-luego-worker@.service")["Service.TimeoutStopSec"])
    settings = {"DATA_DIR": os.devnull, "SECRET_KEY": "a key for the tests only"}

    assert patience > Settings.from_environment(settings).mail_timeout
