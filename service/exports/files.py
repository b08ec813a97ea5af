"""Write a table from the command line: to a file that is whole or not there, with its progress."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO

import click

from service.exports.tables import Table


@contextmanager
def progress(table: Table, label: str) -> Iterator[Table]:
    """Show how far the writing is, on a terminal only."""
    if not sys.stderr.isatty():
        yield table
        return
    with click.progressbar(
        table.rows, length=table.count, file=sys.stderr, label=label, show_pos=True
    ) as rows:
        yield replace(table, rows=iter(rows))


@contextmanager
def opened(out: Path | None) -> Iterator[IO[bytes]]:
    """Open `out` so that it changes only when all of it is there; without it, standard output."""
    if out is None:
        with TemporaryFile() as whole:
            yield whole
            whole.seek(0)
            copyfileobj(whole, sys.stdout.buffer)
        return
    try:
        with NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.", delete=False) as file:
            unfinished = Path(file.name)
            try:
                yield file
            except BaseException:
                unfinished.unlink()
                raise
        mode = out.stat().st_mode & 0o777 if out.exists() else 0o600  # it holds personal data
        unfinished.chmod(mode)
        unfinished.replace(out)
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}") from None
