"""Logging: one line an event, `name key=value`, with addresses and tokens masked.

Every record of the process is masked where it is made, whichever logger and handler it goes
through: ours, gunicorn's, RQ's, Werkzeug's and those of libraries that are still to come.
"""

import logging
import re
import sys
import threading
import traceback

_ADDRESS = re.compile(r"[^\s<>\"'=,;:]+(?:@|%40)[^\s<>\"',;]+")
_LINK = re.compile(r"(/(?:[strfpdq]|password|calendar)/)[A-Za-z0-9_.\-]{8,}")
# As itsdangerous signs: payload, time in cookies, SHA-1.
_TOKEN = re.compile(
    r"(?<![\w-])[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]{6})?\.[A-Za-z0-9_-]{27}(?![\w-])"
)
_API_TOKEN = re.compile(r"hl_[A-Za-z0-9_\-]{8,}")


def masked(text: str) -> str:
    """Return `text` without addresses and without tokens, of links or of other programs."""
    text = _LINK.sub(r"\1…", _ADDRESS.sub("…@…", text))
    return _API_TOKEN.sub("hl_…", _TOKEN.sub("…", text))


class MaskedRecord(logging.LogRecord):
    """A record whose message, traceback and stack are masked for every handler."""

    _exc_text: str | None = None
    _stack_info: str | None = None

    def getMessage(self) -> str:  # noqa: N802 - logging's name
        """Return the message with its arguments filled in."""
        return masked(super().getMessage())

    @property
    def exc_text(self) -> str | None:
        """The traceback, which the first formatter to make it leaves here for the others."""
        return self._exc_text

    @exc_text.setter
    def exc_text(self, text: str | None) -> None:
        self._exc_text = masked(text) if text else text

    @property
    def stack_info(self) -> str | None:
        """The stack of a call that asked for it."""
        return self._stack_info

    @stack_info.setter
    def stack_info(self, text: str | None) -> None:
        self._stack_info = masked(text) if text else text


def mask_everything() -> None:
    """Mask all records of the process, and what Python itself says of uncaught exceptions."""
    logging.setLogRecordFactory(MaskedRecord)
    # Not in place of the hooks of others: pytest fails a test by its own.
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = lambda _kind, error, _trace: _tell(error)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda thread: _tell(thread.exc_value)


def _tell(error: BaseException | None) -> None:
    """Write the traceback of an exception that ends a process or a thread."""
    if error is not None and not isinstance(error, SystemExit):
        sys.stderr.write(masked("".join(traceback.format_exception(error))))


def configure() -> None:
    """Mask everything, and send the service's log to stderr; safe to repeat."""
    mask_everything()
    logger = logging.getLogger("service")
    if logger.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
