"""Promises that no compiler keeps: settings documented, queues worked, texts translated."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from babel.messages.mofile import read_mo

from service import extensions
from service.config import LANGUAGES
from tests.settings.names import setting_names

ROOT = Path(__file__).resolve().parent.parent
CODE = ("service", "forms", "development", "worker.py", "wsgi.py", "dev.py")
SPARE_WORDS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}


def tracked(*suffixes: str) -> list[Path]:
    """Return the project's own files: what git holds, or would hold."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return [path for path in paths if path.suffix in suffixes and path.is_file()]


def sources() -> list[Path]:
    """Return the Python files of the service, without its tests and migrations."""
    return [path for path in tracked(".py") if path.relative_to(ROOT).parts[0] in CODE]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    yield from (
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
    )


@pytest.mark.parametrize("readme", ["README.md", "README.es.md"])
def test_every_setting_stands_in_the_table_of_the_readme(readme):
    rows = re.findall(r"^\|(.*?)\|", (ROOT / readme).read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([A-Z][A-Z_]+)`", row)}
    assert setting_names() - named == set(), f"settings that {readme} does not tell of"


def test_every_queue_has_a_worker():
    queues = {
        thing.name
        for thing in vars(extensions).values()
        if isinstance(thing, extensions.WakeUpQueue)
    }
    worker = (ROOT / "worker.py").read_text()
    worked = {extensions.queue.name} if "Queue(queue.name" in worker else set()
    assert queues == worked


def test_every_task_that_is_woken_exists():
    woken = {
        task
        for path in sources()
        for task in re.findall(r"""["'](service\.tasks\.\w+)["']""", path.read_text())
    }
    tasks = {f"service.tasks.{node.name}" for node in functions(ROOT / "service" / "tasks.py")}
    assert woken
    assert woken - tasks == set()


def catalog(language: str) -> Path:
    return ROOT / "translations" / language / "LC_MESSAGES" / "messages.po"


def test_every_text_is_translated_into_spanish():
    entries = [entry for entry in polib.pofile(str(catalog("es"))) if not entry.obsolete]
    assert entries
    assert [entry.msgid for entry in entries if not entry.translated()] == []
    assert [entry.msgid for entry in entries if entry.fuzzy] == []


def test_every_text_in_the_code_is_in_the_catalogs(tmp_path):
    pot = tmp_path / "messages.pot"
    command = ["pybabel", "extract", "-F", "babel.cfg", "-k", "_l", "-k", "lazy_gettext"]
    command += ["-k", "ngettext:1,2", "-k", "Unreadable", "-k", "BrokenCell:2"]
    command += ["-o", str(pot), *CODE[:2], "templates", "worker.py"]
    subprocess.run(
        [str(ROOT / ".venv" / "bin" / command[0]), *command[1:]],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    wanted = {entry.msgid for entry in polib.pofile(str(pot))}
    for language in LANGUAGES:
        held = {entry.msgid for entry in polib.pofile(str(catalog(language))) if not entry.obsolete}
        assert wanted - held == set(), f"texts that {language} does not know"
        assert held - wanted == set(), f"texts of {language} that nothing says any more"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalog_is_the_one_that_people_edit(language):
    with catalog(language).with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    for entry in polib.pofile(str(catalog(language))):
        if entry.obsolete or not entry.translated():
            continue
        message = compiled.get(entry.msgid, entry.msgctxt)
        said = message.string if message else None
        if entry.msgid_plural:
            assert list(said or ()) == list(entry.msgstr_plural.values()), entry.msgid
        else:
            assert said == entry.msgstr, entry.msgid


def test_translations_keep_the_places_of_names_and_figures():
    place = re.compile(r"%\((\w+)\)[sd]|%(?![\w(%])")
    for entry in polib.pofile(str(catalog("es"))):
        wanted = set(place.findall(entry.msgid)) | set(place.findall(entry.msgid_plural))
        for said in [entry.msgstr, *entry.msgstr_plural.values()]:
            if said:
                assert set(place.findall(said)) <= wanted, entry.msgid


def test_nobody_is_called_a_user():
    for entry in polib.pofile(str(catalog("es"))):
        words = " ".join([entry.msgstr, *entry.msgstr_plural.values()]).lower()
        assert "usuari" not in words, entry.msgid


def test_no_import_hides_in_a_function():
    """But for dev.py's, which runs before there is anything to import."""
    hidden = [
        f"{name_of(path)}:{inner.lineno}"
        for path in sources()
        if path.relative_to(ROOT).parts[0] not in {"development", "dev.py"}
        for function in functions(path)
        for inner in ast.walk(function)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_no_file_is_named_after_nothing_in_particular():
    vague = [
        name_of(path)
        for path in tracked(".py", ".html", ".css")
        if SPARE_WORDS & set(re.split(r"[/_.]", name_of(path)))
    ]
    assert vague == []


def test_every_module_says_its_job():
    silent = [
        name_of(path) for path in sources() if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []
