"""Keep the table of an uploaded list, from its preview to its import, under a random name, a day.

The file itself is read once, when it comes. This module does not know who may upload.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from service.spreadsheets import extraction, wire
from service.spreadsheets.tables import Table

FOLDER = "imports"  # under DATA_DIR
KEPT_FOR = timedelta(days=1)
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded list: its original name, and where its table is."""

    key: str
    name: str
    path: Path


def keep(
    directory: Path, stream: IO[bytes], name: str, at: datetime, columns: Iterable[str]
) -> Upload:
    """Write the table in `stream` to `directory` and return its upload; delete old ones first.

    `columns` are the normalized names that a header may have. What cannot be read is kept as the
    reason why.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    purge(directory, at)
    key = secrets.token_urlsafe(16)
    with TemporaryFile(dir=directory) as source, _new(directory / f"{key}.rows") as rows:
        shutil.copyfileobj(stream, source)
        source.flush()
        extraction.extract(source, rows, columns)
    with _new(directory / f"{key}.name") as file:
        file.write(name[:200].encode())
    return Upload(key, name[:200], directory / f"{key}.rows")


def find(directory: Path, key: str, at: datetime) -> Upload | None:
    """Return the upload `key`; None when it was imported, is older than a day or never existed."""
    path = directory / f"{key}.rows"
    if not _KEY.fullmatch(key) or not path.is_file() or _is_old(path, at):
        return None
    try:
        return Upload(key, path.with_suffix(".name").read_text("utf-8"), path)
    except FileNotFoundError:
        return None


@contextmanager
def table_of(upload: Upload) -> Iterator[Table]:
    """Yield the table of an upload; raises FileNotFoundError when it has been imported."""
    with upload.path.open("rb") as file:
        yield wire.read(file)


def drop(upload: Upload) -> None:
    """Delete an upload, if it is still there."""
    upload.path.unlink(missing_ok=True)
    upload.path.with_suffix(".name").unlink(missing_ok=True)


def purge(directory: Path, at: datetime) -> int:
    """Delete files older than a day and return how many there were."""
    files = [*directory.glob("*.rows"), *directory.glob("*.name")]
    old = [path for path in files if _is_old(path, at)]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _is_old(path: Path, at: datetime) -> bool:
    try:
        return at.timestamp() - path.stat().st_mtime > KEPT_FOR.total_seconds()
    except FileNotFoundError:
        return False


def _new(path: Path) -> IO[bytes]:
    """Open a new file that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
