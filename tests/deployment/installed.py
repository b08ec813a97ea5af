"""An installation laid out as docs/deployment.md says, in a folder that an unprivileged user reads.

Code and libraries are copied: this checkout may lie where nobody else may go. Of the libraries only
those that Postfix's part needs are taken, so whatever else it imported would be missed.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwnam

from tests.deployment.programs import INSTALLED
from tests.deployment.test_docs import blocks
from tests.live import ROOT
from tests.postfix import OWNER, Postfix
from tests.processes import missing, private_directory

BOUNCES = "bounces@bounces.example.com"  # as the documentation has it
LIBRARIES = ("dotenv", "psycopg", "psycopg_binary*", "typing_extensions.py", "tzdata")
CODE = ("service", "deployment")


@contextmanager
def an_install() -> Iterator[Path]:
    """Yield the folder of an installation that has no settings yet."""
    with private_directory() as home:
        home.chmod(0o755)
        for name in tracked(*CODE):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, home / name)
        script = home / "deployment" / "postfix-receive"
        script.write_text(script.read_text().replace(INSTALLED, str(home)))
        lay_out_python(home / ".venv")
        (home / ".env").symlink_to(home / "hasta-luego.env")
        yield home


def tracked(*folders: str) -> list[str]:
    """Return the files in these folders that git holds, or would hold."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def lay_out_python(home: Path) -> None:
    """Make a virtual environment with the libraries, of an interpreter that OWNER may run."""
    python = interpreter()
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").symlink_to(python)
    (home / "pyvenv.cfg").write_text(f"home = {python.parent}\n")
    libraries = home / "lib" / f"python{version()}" / "site-packages"
    libraries.mkdir(parents=True)
    for pattern in LIBRARIES:
        for found in Path(sysconfig.get_path("purelib")).glob(pattern):
            copy = shutil.copytree if found.is_dir() else shutil.copy
            copy(found, libraries / found.name)


def interpreter() -> Path:
    """Return a Python of this version that OWNER may run: ours, or the machine's."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    places = (f"/usr/{place}/python{version()}" for place in ("bin", "local/bin"))
    for python in (str(Path(sys.executable).resolve()), *places):
        command = ["runuser", "-u", OWNER, "--", python, "-c", code]
        tried = subprocess.run(command, capture_output=True, text=True, cwd="/")
        if tried.stdout.strip() == version():
            return Path(python)
    return missing(f"Python {version()} that the user {OWNER} may run")


def version() -> str:
    """Return the version of Python that this is, such as 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def configure(install: Path, settings: dict[str, str]) -> None:
    """Give an installation its settings, readable to the service's account alone."""
    file = install / "hasta-luego.env"
    file.write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))
    shutil.chown(file, "root", getpwnam(OWNER).pw_gid)
    file.chmod(0o640)


@contextmanager
def handing_over_to(install: Path, postfix: Postfix) -> Iterator[None]:
    """Type the documented lines for Postfix, on one of our own and for `install`."""
    [block] = [block for block in blocks() if "postconf" in block]
    home = str(postfix.home)
    replaced = {
        INSTALLED: str(install),
        "/etc/postfix": home,
        "postconf ": f"postconf -c {home} ",
        "postmap ": f"postmap -c {home} ",
        "systemctl reload postfix": f"postfix -c {home} reload",
        "user=hasta-luego": f"user={OWNER}",
    }
    for what, by in replaced.items():
        assert what in block, f"the documentation no longer says {what!r}"
        block = block.replace(what, by)
    path = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    typed = subprocess.run(["sh", "-eu", "-c", block], env=path, capture_output=True, text=True)
    assert typed.returncode == 0, typed.stderr
    try:
        yield
    finally:
        postfix.write_settings()
        postfix.reload()
