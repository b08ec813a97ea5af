"""Keep, find and carry out an uploaded list: what the pages of both kinds of list share."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any

from flask import flash, redirect, url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response

from service.clock import now
from service.current import settings
from service.errors import Refused
from service.extensions import db
from service.imports import jobs
from service.imports.actions import uploads
from service.imports.actions.uploads import Upload
from service.imports.jobs import Staged

Page = str | tuple[str, int] | Response
reading = Lock()  # one at a time, so that lists hold no more than one thread of the server


def keep(
    form: FlaskForm,
    ask: Callable[[Any], str],
    columns: Iterable[str],
    most_bytes: int,
    too_large: Callable[[int], str],
) -> Page:
    """Keep the list of `form` and redirect to its preview, or `ask` again with what is wrong."""
    if not form.validate():
        return ask(form), 422
    file = form["file"].data
    size = file.stream.seek(0, io.SEEK_END)
    file.stream.seek(0)
    if size > most_bytes:
        form["file"].errors = [too_large(size)]
        return ask(form), 413
    name = Path(file.filename.replace("\\", "/")).name
    db.session.rollback()  # others may write while the file is read
    if not reading.acquire(blocking=False):
        form["file"].errors = [_("Another list is being read just now. Try again in a minute.")]
        return ask(form), 503
    try:
        kept = uploads.keep(_directory(), file.stream, name, now(), columns)
    finally:
        reading.release()
    return redirect(url_for(".show", key=kept.key), 303)


def find(key: str) -> Upload | None:
    """Return the upload `key`, or None when it is gone."""
    return uploads.find(_directory(), key, now())


def carry_out(
    kept: Upload, stage: Callable[[], Staged], publish: Callable[[Staged], None], shown: str | None
) -> Staged | None:
    """Carry out an import if it is what was shown; else flash why not and return None."""
    try:
        done = jobs.carry_out(stage, publish, shown or "")
    except Refused as refusal:
        flash(str(refusal), "warning")
        return None
    except FileNotFoundError:  # somebody who pressed at the same moment was faster
        return None
    uploads.drop(kept)
    return done


def _directory() -> Path:
    """Return the folder of uploads of both kinds."""
    return settings().data_dir / uploads.FOLDER
