"""Keep what the service stores from the machine's other accounts: files 600, in folders 700.

Mails with links that set passwords lie there, and everything about clients with SQLite.
"""

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from service.config import Settings

OTHERS = 0o077  # what others may do, by their group and by anything else
SQLITE = "sqlite:///"
BESIDE = ("", "-wal", "-shm", "-journal")  # what SQLite writes beside a database

log = logging.getLogger(__name__)


def hide_new_files() -> None:
    """Hide whatever this process creates from now on, and those that it starts."""
    os.umask(OTHERS)


def hide_stored(settings: Settings) -> None:
    """Close DATA_DIR and the SQLite database to others, as far as they belong to us."""
    for path in (*_within(settings.data_dir), *_databases(settings.database_url)):
        with suppress(FileNotFoundError):  # others work there
            found = path.lstat()
            is_ours = found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode)
            if is_ours and found.st_mode & OTHERS:
                try:
                    path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
                except OSError as error:  # such as a disk that knows no modes; the doctor says so
                    log.warning("file_stays_open error=%s", error.strerror)


def open_to_others(settings: Settings) -> list[Path]:
    """Return what other accounts can get at: DATA_DIR, files of an SQLite database elsewhere."""
    found, data_dir = [], settings.data_dir
    for path in (data_dir, *_databases(settings.database_url)):
        with suppress(FileNotFoundError):
            is_behind = path != data_dir and data_dir in path.parents
            if path.stat().st_mode & OTHERS and not (is_behind and _is_closed(data_dir)):
                found.append(path)
    return found


def _databases(url: str) -> list[Path]:
    """Return the files of an SQLite database, whether they exist or not; none on PostgreSQL."""
    if not url.startswith(SQLITE):
        return []
    path = url.removeprefix(SQLITE).partition("?")[0]
    return [Path(path + ending) for ending in BESIDE]


def _within(folder: Path) -> Iterator[Path]:
    yield folder
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))


def _is_closed(folder: Path) -> bool:
    return not folder.stat().st_mode & OTHERS
