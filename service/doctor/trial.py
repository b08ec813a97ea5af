"""Send one mail to ourselves and read it back, where there is a place to read it."""

import secrets
from collections.abc import Iterator
from email.message import Message

from service.doctor import places
from service.doctor.cases import Case, Clock, Evidence
from service.doctor.findings import Check, Finding, Remedy, bad, good, unknown, warning
from service.doctor.findings import phrase as _l
from service.doctor.moments import moment_of
from service.doctor.returns import Returned, Unread, from_catcher, from_mailbox
from service.mail.delivery.failures import NotHandedOver
from service.mail.delivery.session import Envelope

ARRIVES_WITHIN = 5.0  # seconds that a person is let wait for it


def check(case: Case, evidence: Evidence) -> Iterator[Finding]:
    """Yield whether the mail arrives; keeps it as evidence."""
    settings = case.settings
    if not evidence.is_reached:
        return
    if not (settings.mail_reader_url or (settings.mail_inbox_url and settings.mail_bounce_address)):
        words = _l(
            "No mail was sent to ourselves, because there is no mailbox to read it in: what the "
            "mail server signs is not known."
        )
        fix = _l("Set MAIL_BOUNCE_ADDRESS, and MAIL_INBOX_URL to the mailbox of that address.")
        yield unknown(Check.trial, words, Remedy(places.SETTINGS, fix))
        return
    mark = secrets.token_hex(8)
    message_id = f"<doctor.{mark}@{case.domain}>"
    to = case.sender if settings.mail_reader_url else settings.mail_bounce_address or ""
    try:
        _hand_over(case, case.letter.octets(message_id, to, mark), to)
        evidence.returned = _read_back(case, mark, message_id)
    except NotHandedOver as refusal:
        words = _l("The mail server did not take the test mail: %(words)s", words=refusal.words)
        yield bad(Check.trial, words, Remedy(places.MAIL_SERVER, _l("Do what its words say.")))
        return
    except Unread as failure:
        name = "MAIL_READER_URL" if settings.mail_reader_url else "MAIL_INBOX_URL"
        words = _l("The mailbox could not be read: %(why)s", why=str(failure))
        fix = _l("Check %(name)s.", name=name)
        yield bad(Check.trial, words, Remedy(places.SETTINGS, fix))
        return
    yield _arrival(evidence.returned, to)
    if evidence.returned:
        _note_clock(case, evidence.returned, evidence)
        yield from _verdict(evidence.returned)


def _hand_over(case: Case, octets: bytes, to: str) -> None:
    connection = case.connect()
    connection.open()
    try:
        connection.hand_over(octets, Envelope(case.envelope, to))
    finally:
        connection.close()


def _read_back(case: Case, mark: str, message_id: str) -> Returned | None:
    settings = case.settings
    if settings.mail_reader_url:
        return from_catcher(settings.mail_reader_url.rstrip("/"), mark, ARRIVES_WITHIN)
    return from_mailbox(settings.mail_inbox_url or "", message_id, ARRIVES_WITHIN)


def _arrival(returned: Returned | None, to: str) -> Finding:
    if returned is None:
        values: dict[str, str | int] = {"to": to, "seconds": int(ARRIVES_WITHIN)}
        words = _l("The test mail to %(to)s was not there after %(seconds)s seconds.", **values)
        fix = _l("Check again in a minute; then look into the mail server's log and among spam.")
        return warning(Check.trial, words, Remedy(places.MAIL_SERVER, fix))
    if returned.is_caught:
        words = _l("The test mail arrived in the mail catcher, which sends nothing to anybody.")
        return good(Check.trial, words)
    return good(Check.trial, _l("The test mail to %(to)s arrived.", to=to))


def _note_clock(case: Case, returned: Returned, evidence: Evidence) -> None:
    """Compare when it was received, by that server's clock, with when we wrote its Date."""
    sent_at = moment_of(str(returned.mail["Date"]))
    if returned.received_at and sent_at:
        clock = Clock(case.settings.mail_server, returned.received_at, sent_at, case.has_relay)
        evidence.clocks.append(clock)


def _verdict(returned: Returned) -> Iterator[Finding]:
    """Say what the server that received the mail wrote about it (RFC 8601)."""
    said = _results(returned.mail)
    if not said:
        return
    told = ", ".join(f"{method}={result}" for method, result in said.items())
    if set(said.values()) <= {"pass"}:
        words = _l("The server that took the test mail checked it: %(results)s.", results=told)
        yield good(Check.verdict, words)
        return
    words = _l("The server that took the test mail is not content: %(results)s.", results=told)
    fix = _l("What is said about SPF, DKIM and DMARC here shows where.")
    yield warning(Check.verdict, words, Remedy(places.MAIL_SERVER, fix))


def _results(mail: Message) -> dict[str, str]:
    """Return the results of the topmost Authentication-Results; {} without one."""
    line = " ".join(str((mail.get_all("Authentication-Results") or [""])[0]).split())
    found: dict[str, str] = {}
    for part in line.split(";")[1:]:
        method, _, result = part.strip().partition(" ")[0].partition("=")
        if method in {"spf", "dkim", "dmarc"} and found.get(method) != "pass":
            found[method] = result  # of several signatures, one that holds is enough
    return found
