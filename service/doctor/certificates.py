"""Certificates in plain words: why one is refused, and when one ends."""

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from service.clock import now
from service.doctor.findings import Check, Finding, Phrase, Remedy, good, warning
from service.doctor.findings import phrase as _l

SOON = timedelta(days=14)

# OpenSSL's codes (x509_vfy.h) of what people meet.
_EXPIRED, _NOT_YET, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64
_UNKNOWN_ISSUERS = frozenset({18, 19, 20, 21})


def why_refused(error: ssl.SSLError, host: str) -> Phrase:
    """Return what is wrong with the certificate that `host` showed."""
    code = getattr(error, "verify_code", 0)
    if code == _EXPIRED:
        return _l("The certificate of %(host)s has expired.", host=host)
    if code == _NOT_YET:
        return _l("The certificate of %(host)s is not valid yet, or our clock is slow.", host=host)
    if code in {_WRONG_NAME, _WRONG_ADDRESS}:
        return _l("The certificate is for another name than %(host)s.", host=host)
    if code in _UNKNOWN_ISSUERS:
        return _l(
            "The certificate of %(host)s comes from an authority that this machine does not know, "
            "or the certificate between them is missing.",
            host=host,
        )
    return _l("TLS with %(host)s failed: %(why)s", host=host, why=error.reason or str(error))


def lasting(check: Check, shown: Mapping[str, Any] | None, host: str, remedy: Remedy) -> Finding:
    """Return whether the valid certificate that `host` showed ends soon."""
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds((shown or {})["notAfter"]), UTC)
    day = ends.date().isoformat()
    if ends - now() < SOON:
        words = _l("The certificate of %(host)s ends on %(day)s.", host=host, day=day)
        return warning(check, words, remedy)
    return good(
        check, _l("The certificate of %(host)s is valid until %(day)s.", host=host, day=day)
    )
