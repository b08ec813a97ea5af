"""BASE_URL: whether the links in mails lead clients to this service, over https."""

import http.client
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from service.clock import now
from service.doctor.cases import Case, Clock, Evidence
from service.doctor.findings import (
    AT_PROXY,
    IN_SETTINGS,
    Check,
    Finding,
    Remedy,
    bad,
    good,
    in_dns_of,
    unknown,
    warning,
)
from service.doctor.findings import phrase as _l
from service.doctor.network import Resolver, certificate_finding, fetch, is_local, why_refused

PATIENCE = 4.0  # seconds for each answer


def check(case: Case, evidence: Evidence, resolver: Resolver) -> Iterator[Finding]:
    """Yield findings on BASE_URL; adds the clock of the server that answers to the evidence."""
    url = case.settings.base_url
    parts = urlsplit(url)
    host = parts.hostname or ""
    worse = bad if case.settings.production else warning
    if is_local(host):
        words = _l("Links in mails begin with %(url)s, which only works here.", url=url)
        fix = _l(
            "Set BASE_URL to the public address of the service, such as %(example)s.",
            example="https://adios.example.com",
        )
        yield worse(Check.base_url, words, Remedy(IN_SETTINGS, fix))
        return
    addresses = resolver.addresses(host)
    if not addresses:
        words = _l("The name %(host)s leads nowhere.", host=host)
        fix = _l("Add an A record (and AAAA) with the address of the web server.")
        yield bad(Check.base_url, words, Remedy(in_dns_of(host), fix))
        return
    if parts.scheme != "https":
        words = _l("Links in mails begin with %(url)s, which is not encrypted.", url=url)
        fix = _l("Serve it over https, and let BASE_URL begin with https://.")
        yield worse(Check.base_url, words, Remedy(AT_PROXY, fix))
        return
    yield from _visit(url, host, str(addresses[0]), evidence)


def _visit(url: str, host: str, address: str, evidence: Evidence) -> Iterator[Finding]:
    """Fetch a page as a client would; a failure may only mean that no server reaches itself."""
    began = now()
    try:
        page = fetch(f"{url}/healthz", PATIENCE, address)
    except ssl.SSLError as error:
        words = why_refused(error, host)
        fix = _l("Get a certificate for the name (such as Let's Encrypt's), with all its chain.")
        yield bad(Check.web_certificate, words, Remedy(AT_PROXY, fix))
        return
    except (OSError, http.client.HTTPException) as error:
        values = {"url": url, "why": str(error) or type(error).__name__}
        words = _l("%(url)s could not be reached from this machine: %(why)s.", **values)
        fix = _l("Open it on a phone that is not in your network; if it opens, all is well.")
        yield unknown(Check.base_url, words, Remedy(AT_PROXY, fix))
        return
    renew = Remedy(AT_PROXY, _l("Renew it, and let it renew by itself."))
    yield certificate_finding(Check.web_certificate, page.certificate, host, renew)
    if page.date:
        evidence.clocks.append(Clock(host, page.date, began, is_elsewhere=False))
    if page.status == 200:
        yield good(Check.base_url, _l("%(url)s answers over https.", url=url))
        return
    values = {"url": f"{url}/healthz", "status": str(page.status)}
    words = _l("%(url)s answers %(status)s: it may be another service.", **values)
    fix = _l("Let it pass every path on to this service.")
    yield bad(Check.base_url, words, Remedy(AT_PROXY, fix))
