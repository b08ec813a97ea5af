"""What is stored: whether it is on the disk when it is acknowledged, and who can read it."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from service import private_files
from service.doctor.cases import Case
from service.doctor.findings import ON_MACHINE, Check, Finding, Remedy, bad, good, unknown, warning
from service.doctor.findings import phrase as _l

# https://www.postgresql.org/docs/current/runtime-config-wal.html; SQLite is told by
# service/database.py. synchronous_commit has other values too, and all of them flush.
FLUSHING = ("synchronous_commit", "fsync", "full_page_writes")


def check_durability(case: Case) -> Iterator[Finding]:
    """Yield whether a power cut can take what was acknowledged to a client, or marked as sent."""
    off = []
    if case.engine is not None:
        try:
            with case.engine.connect() as connection:
                off = [
                    name
                    for name in FLUSHING
                    if connection.scalar(text(f"SHOW {name}")) == "off"  # the names are ours
                ]
        except SQLAlchemyError:
            yield unknown(Check.durability, _l("The database is away."))
            return
    if not off:
        words = _l("What the database has acknowledged is on its disk, also after a power cut.")
        yield good(Check.durability, words)
        return
    words = _l(
        "PostgreSQL acknowledges what is not on its disk yet: after a power cut, answers that were "
        "thanked for may be missing, and mails may go twice."
    )
    fix = _l("Set %(names)s to on in postgresql.conf, and reload it.", names=", ".join(off))
    yield bad(Check.durability, words, Remedy(ON_MACHINE, fix))


def check_files(case: Case) -> Iterator[Finding]:
    """Yield whether other accounts of the machine can read what is stored."""
    found = private_files.open_to_others(case.settings)
    if not found:
        yield good(Check.files, _l("Only the account of the service can read its files."))
        return
    paths = ", ".join(str(path) for path in found)
    words = _l("Other accounts on this machine can get at %(paths)s.", paths=paths)
    fix = _l("Close it to them: chmod -R go= %(paths)s", paths=paths.replace(", ", " "))
    yield warning(Check.files, words, Remedy(ON_MACHINE, fix))
