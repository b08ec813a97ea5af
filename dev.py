#!/usr/bin/env python3
"""Everything a day's work needs, from a bare Python 3.11-3.13.

python3 dev.py run           start the service with all it needs; Ctrl-C stops it
python3 dev.py test [...]    run the tests, --quick some of them; other words go to pytest
python3 dev.py lint          ruff, djlint, mypy and the layers
python3 dev.py lock [...]    pin the newest allowed versions; arguments go to `uv pip compile`
python3 dev.py texts         gather the texts into translations/, to be translated, and compile
python3 dev.py bench [NAME]  run the benchmarks
python3 dev.py screenshots   make the pictures of the README again
"""

import os
import subprocess
import sys

if sys.platform == "win32":
    sys.exit("Windows has no fork; use the Windows Subsystem for Linux")

from development import environment
from development.environment import PYTHON, ROOT, Trouble

LOCKS = {
    "production": [],
    "run": ["--group", "run"],
    "test": ["--group", "run", "--group", "test"],
}


def main(words: list[str]) -> int:
    """Do what the first word says; returns the exit code."""
    commands = {
        "run": run,
        "test": test,
        "lint": lint,
        "lock": lock,
        "texts": texts,
        "bench": bench,
        "screenshots": screenshots,
    }
    if not words or words[0] in {"-h", "--help", "help"}:
        print(__doc__.strip())
        return 0 if words else 2
    if words[0] not in commands:
        print(f"{words[0]}? Choose one of: {', '.join(commands)}.", file=sys.stderr)
        return 2
    os.chdir(ROOT)
    try:
        return commands[words[0]](words[1:])
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(words: list[str]) -> int:
    """Start everything."""
    if words:
        print(
            "`run` takes no words; settings are in the README, such as PORT=8001", file=sys.stderr
        )
        return 2
    environment.enter("run")
    from development import running  # needs .venv

    return running.run()


def test(words: list[str]) -> int:
    """Run the tests: all but the long ones, on all processors, unless the words say otherwise."""
    environment.ensure("test")
    if words in ([], ["--quick"]):
        # A few at a time: in larger portions one process would get all the slow tests.
        share = ["-n", str(os.cpu_count() or 1), "--maxschedchunk", "4"]
        words = [*share, "-m", "not long", *words]
    return python("-m", "pytest", *words)


def lint(_words: list[str]) -> int:
    """Run every check that reads only; all of them, even after one complained."""
    environment.ensure("test")
    checks = (
        ["-m", "ruff", "check"],
        ["-m", "ruff", "format", "--check"],
        ["-m", "djlint", "--lint", "--quiet", "templates"],
        ["-m", "djlint", "--lint", "--quiet", "--extension=txt", "templates"],
        ["-m", "mypy"],
        ["-c", "from importlinter.cli import lint_imports_command as check; check()"],
    )
    return max([python(*check) for check in checks])


def lock(words: list[str]) -> int:
    """Write locks/*.txt anew: all platforms, all hashes, no registry's name."""
    environment.ensure("test")
    options = "--universal --generate-hashes --no-header --no-annotate --no-emit-index-url -q"
    for name, groups in LOCKS.items():
        command = ["pip", "compile", "pyproject.toml", *groups, *options.split(), *words]
        if code := python("-m", "uv", *command, "-o", f"locks/{name}.txt"):
            return code
    return 0


def texts(_words: list[str]) -> int:
    """Bring the catalogs up to the code: new texts wait for a translation, old ones go."""
    environment.ensure("test")
    babel = ["-m", "babel.messages.frontend", "-q"]
    pot = "translations/messages.pot"
    keywords = [word for name in ("_l", "lazy_gettext", "ngettext:1,2") for word in ("-k", name)]
    rooms = ["service", "forms", "templates"]
    layout = ["--no-location", "--sort-output", "--project=hasta-luego", "-o", pot]
    steps = (
        [*babel, "extract", "-F", "babel.cfg", *keywords, *layout, *rooms],
        [*babel, "update", "-N", "--ignore-obsolete", "-w", "100", "-i", pot, "-d", "translations"],
        [*babel, "compile", "-d", "translations"],
    )
    return next((code for step in steps if (code := python(*step))), 0)


def bench(words: list[str]) -> int:
    """Run the benchmarks, one after the other; each prints its ratio."""
    environment.ensure("test")
    names = words or sorted(p.stem for p in (ROOT / "benchmarks").glob("[!_]*.py"))
    return max([python("-m", f"benchmarks.{name}") for name in names], default=0)


def screenshots(_words: list[str]) -> int:
    """Walk through the service with sample data and take the README's pictures."""
    environment.ensure("test")
    return python("-m", "development.screenshots")


def python(*words: str) -> int:
    """Run the environment's Python."""
    return subprocess.run([str(PYTHON), *words], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
