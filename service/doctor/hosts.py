"""MX and PTR: whether replies reach us, and whether the sending address has a reverse name."""

from collections.abc import Iterator
from contextlib import suppress

from service.doctor.cases import Case, Evidence
from service.doctor.findings import (
    AT_HOSTING_COMPANY,
    Check,
    Finding,
    Record,
    Remedy,
    bad,
    good,
    in_dns_of,
    unknown,
    warning,
)
from service.doctor.findings import phrase as _l
from service.doctor.network import Address, Resolver, Unresolved


def check_mx(case: Case, _evidence: Evidence, resolver: Resolver) -> Iterator[Finding]:
    """Yield whether the domains of the sender and of the bounce address accept mail."""
    for domain in dict.fromkeys((case.domain, case.envelope_domain)):
        yield _mx(domain, resolver)


def _mx(domain: str, resolver: Resolver) -> Finding:
    hosts = resolver.mail_servers(domain)
    record = Record(domain, "MX", f"10 mail.{domain}.")
    fix = _l("Add an MX record that names the server that takes its mail, such as this.")
    remedy = Remedy(in_dns_of(domain), fix, (record,))
    if hosts == [""]:
        words = _l(
            "%(domain)s says that it takes no mail at all (null MX): replies and bounces are lost, "
            "and some receivers refuse mail from it.",
            domain=domain,
        )
        return bad(Check.mx, words, remedy)
    if hosts:
        reachable = [host for host in hosts if host and resolver.addresses(host)]
        values = {"domain": domain, "hosts": ", ".join(hosts)}
        if reachable:
            return good(Check.mx, _l("%(domain)s takes mail at %(hosts)s.", **values))
        words = _l("%(hosts)s, where %(domain)s takes mail, leads nowhere.", **values)
        return bad(Check.mx, words, remedy)
    if resolver.addresses(domain):
        words = _l(
            "%(domain)s has no MX record; mail for it goes to its web address.", domain=domain
        )
        return warning(Check.mx, words, remedy)
    words = _l("%(domain)s takes no mail: replies and bounces are lost.", domain=domain)
    return bad(Check.mx, words, remedy)


def check_ptr(case: Case, evidence: Evidence, resolver: Resolver) -> Iterator[Finding]:
    """Yield whether the address that mails come from has a name that leads back to it."""
    seen = evidence.returned.came_from if evidence.returned else None
    if seen is None and not case.has_relay:
        words = _l("The public address that mails leave from is not known here.")
        fix = _l("Give it a reverse name (PTR), and let that name lead back to it.")
        yield unknown(Check.ptr, words, Remedy(AT_HOSTING_COMPANY, fix))
        return
    addresses = [seen] if seen else resolver.addresses(case.settings.mail_server)
    if not addresses:
        server = case.settings.mail_server
        words = _l("The name %(host)s leads nowhere.", host=server)
        yield unknown(Check.ptr, words)
    for address in addresses:
        yield _ptr(address, resolver, is_seen=seen is not None)


def _ptr(address: Address, resolver: Resolver, *, is_seen: bool) -> Finding:
    """Return whether `address` has a reverse name that leads back; bad only where it was seen."""
    names = resolver.reverse_names(address)
    for name in names:
        with suppress(Unresolved):
            if address in resolver.addresses(name):
                values = {"address": str(address), "name": name}
                return good(Check.ptr, _l("%(address)s is called %(name)s, and back.", **values))
    worse = bad if is_seen else warning
    fix = _l("Give it a reverse name (PTR), and let that name lead back to it.")
    if not names:
        words = _l(
            "%(address)s has no reverse name (PTR), and many receivers refuse mail from there.",
            address=str(address),
        )
        return worse(Check.ptr, words, Remedy(AT_HOSTING_COMPANY, fix))
    values = {"address": str(address), "name": names[0]}
    words = _l("%(address)s is called %(name)s, but that name does not lead back to it.", **values)
    return worse(Check.ptr, words, Remedy(AT_HOSTING_COMPANY, fix))
