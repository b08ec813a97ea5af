"""Logging: one line an event, `name key=value`, with addresses and tokens masked."""

import logging
import re
import sys

_ADDRESS = re.compile(r"[^\s<>\"'=,;:]+@[^\s<>\"',;]+")
_TOKEN = re.compile(r"(/(?:[strfpdq]|password|calendar)/)[A-Za-z0-9_.\-]{8,}")

_API_TOKEN = re.compile(r"hl_[A-Za-z0-9_\-]{8,}")


def masked(text: str) -> str:
    """Return `text` without addresses and without tokens, of links or of other programs."""
    return _API_TOKEN.sub("hl_…", _TOKEN.sub(r"\1…", _ADDRESS.sub("…@…", text)))


class MaskingFormatter(logging.Formatter):
    """Masks the finished line, tracebacks included, so that nothing personal slips by."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def configure() -> None:
    """Send the service's log to stderr, masked; called once per process, safe to repeat."""
    logger = logging.getLogger("service")
    if logger.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(MaskingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
