"""The wheel holds all that the three processes need, and runs from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from development.environment import ROOT

ONLY = {
    *("service", "forms", "templates", "static", "migrations", "translations"),
    *("worker.py", "wsgi.py"),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    to = tmp_path_factory.mktemp("wheel")
    command = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(to), str(ROOT)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = to.glob("hasta_luego-*.whl")
    return path


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing of the project but what the wheel brings."""
    home = tmp_path_factory.mktemp("elsewhere")
    command = ["-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target"]
    subprocess.run([sys.executable, *command, str(home / "site"), str(wheel)], check=True)
    return home


def python(home: Path, *words: str) -> str:
    """Run Python in that folder and return what it says."""
    settings = {"PYTHONPATH": str(home / "site"), "DATA_DIR": str(home / "data")}
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(home)} | settings
    done = subprocess.run(
        [sys.executable, "-P", *words], cwd=home, env=surroundings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_holds_the_rooms_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == ONLY


def test_it_migrates_and_answers_from_another_folder(elsewhere):
    python(elsewhere, "-m", "flask", "--app", "wsgi", "db", "upgrade")
    script = """
import service, wsgi
client = wsgi.app.test_client()
print(service.__file__)
for path in ("/healthz", "/static/base.css", "/login"):
    print(path, client.get(path, headers={"Accept-Language": "es"}).status_code)
print("lang=", 'lang="es"' in client.get("/login", headers={"Accept-Language": "es"}).text)
"""
    said = python(elsewhere, "-c", script).splitlines()

    assert said[0].startswith(str(elsewhere))
    assert said[1:] == ["/healthz 200", "/static/base.css 200", "/login 200", "lang= True"]
