#!/usr/bin/env python3
"""The commands of a developer's day, on Python 3.11-3.13 with nothing installed.

python3 dev.py run           start the service with all it needs; Ctrl-C stops it
python3 dev.py test [...]    run the tests, --quick some of them; other arguments go to pytest
python3 dev.py lint          ruff, djlint, mypy and the layers
python3 dev.py lock [...]    pin the newest allowed versions; arguments go to `uv pip compile`
python3 dev.py texts         extract the texts into translations/, to be translated, and compile
python3 dev.py bench [NAME]  run the benchmarks
python3 dev.py screenshots   take the pictures of the README again
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


def main(arguments: list[str]) -> int:
    """Run the command that the first argument names; return the exit code."""
    commands = {
        "run": run,
        "test": test,
        "lint": lint,
        "lock": lock,
        "texts": texts,
        "bench": bench,
        "screenshots": screenshots,
    }
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(__doc__.strip())
        return 0 if arguments else 2
    if arguments[0] not in commands:
        print(f"{arguments[0]}? Choose one of: {', '.join(commands)}.", file=sys.stderr)
        return 2
    os.chdir(ROOT)
    try:
        return commands[arguments[0]](arguments[1:])
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(arguments: list[str]) -> int:
    """Start the service with all it needs; takes no arguments."""
    if arguments:
        print(
            "`run` takes no words; settings are in the README, such as PORT=8001", file=sys.stderr
        )
        return 2
    environment.enter("run")
    from development import running  # needs .venv

    return running.run()


def test(arguments: list[str]) -> int:
    """Run the tests: without arguments all but the long ones, on all processors."""
    environment.ensure("test")
    if arguments in ([], ["--quick"]):
        # A few at a time: in larger portions one process would get all the slow tests.
        share = ["-n", str(os.cpu_count() or 1), "--maxschedchunk", "4"]
        arguments = [*share, "-m", "not long", *arguments]
    return python("-m", "pytest", *arguments)


def lint(_arguments: list[str]) -> int:
    """Run every static check, also after one has failed."""
    environment.ensure("test")
    checks = (
        ["-m", "ruff", "check"],
        ["-m", "ruff", "format", "--check"],
        ["-m", "djlint", "--lint", "--quiet", "templates"],
        ["-m", "djlint", "--lint", "--quiet", "--extension=txt", "templates"],
        ["-m", "djlint", "--lint", "--quiet", "--extension=md", "templates"],
        ["-m", "mypy"],
        ["-c", "from importlinter.cli import lint_imports_command as check; check()"],
    )
    return max([python(*check) for check in checks])


def lock(arguments: list[str]) -> int:
    """Write locks/*.txt again, for all platforms, with all hashes, without the registry's name."""
    environment.ensure("test")
    options = "--universal --generate-hashes --no-header --no-annotate --no-emit-index-url -q"
    for name, groups in LOCKS.items():
        command = ["pip", "compile", "pyproject.toml", *groups, *options.split(), *arguments]
        if code := python("-m", "uv", *command, "-o", f"locks/{name}.txt"):
            return code
    return 0


def texts(_arguments: list[str]) -> int:
    """Update the catalogs from the code: new texts await a translation, unused ones are removed."""
    environment.ensure("test")
    babel = ["-m", "babel.messages.frontend", "-q"]
    pot = "translations/messages.pot"
    names = ("_l", "lazy_gettext", "ngettext:1,2", "Unreadable", "BrokenCell:2")
    keywords = [word for name in names for word in ("-k", name)]
    sources = ["service", "forms", "templates"]
    layout = ["--no-location", "--sort-output", "--project=hasta-luego", "-o", pot]
    steps = (
        [*babel, "extract", "-F", "babel.cfg", *keywords, *layout, *sources],
        [*babel, "update", "-N", "--ignore-obsolete", "-w", "100", "-i", pot, "-d", "translations"],
        [*babel, "compile", "-d", "translations"],
    )
    return next((code for step in steps if (code := python(*step))), 0)


def bench(arguments: list[str]) -> int:
    """Run the benchmarks named, or all of them, one after another; each prints its ratio."""
    environment.ensure("test")
    names = arguments or sorted(p.stem for p in (ROOT / "benchmarks").glob("[!_]*.py"))
    return max([python("-m", f"benchmarks.{name}") for name in names], default=0)


def screenshots(_arguments: list[str]) -> int:
    """Take the README's pictures of a run with sample data."""
    environment.ensure("test")
    return python("-m", "development.screenshots")


def python(*arguments: str) -> int:
    """Run the Python of .venv; return its exit code."""
    return subprocess.run([str(PYTHON), *arguments], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
