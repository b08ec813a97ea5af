"""A sample mail: its unsubscribe headers and size, and whether it arrives when sent to us."""

import http.client
import imaplib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from urllib.parse import quote

from imap_tools import AND, BaseMailBox, H, ImapToolsError

from service.doctor.cases import KIND, Case, Clock, Evidence, Returned
from service.doctor.findings import (
    AT_MAIL_SERVER,
    IN_SETTINGS,
    ON_SETTINGS_PAGE,
    Check,
    Finding,
    Remedy,
    bad,
    good,
    unknown,
    warning,
)
from service.doctor.findings import phrase as _l
from service.doctor.network import fetch, parse_date
from service.mail.delivery.session import Envelope, NotHandedOver
from service.mail.inbound import mailbox
from service.mail.rendering import lint

CLIPPED_AT = 102 * 1024  # octets; Gmail hides what comes after
ARRIVES_WITHIN = 5.0  # seconds; a person waits for it
PAUSE = 0.3  # seconds between two looks
_CAUGHT = re.compile(r"/mails/([0-9T]+-[0-9a-f]+)\b")


class Unread(Exception):
    """The mailbox or the mail catcher could not be read; the message says why."""


def check_headers(case: Case) -> Iterator[Finding]:
    """Yield the findings on the unsubscribe headers (RFC 8058) and on the size of a mail."""
    octets = case.sample.octets(f"<sample@{case.domain}>", case.sender)
    try:
        lint.check(octets, KIND)
    except lint.Unfit as unfit:
        words = _l("The sample mail is not fit to go: %(why)s.", why=str(unfit))
        yield bad(Check.unsubscribe, words)
        return
    if str(message_from_bytes(octets)["List-Unsubscribe"]).startswith("<https://"):
        words = _l(
            "Mails that nobody asked for carry List-Unsubscribe (https and mailto) and "
            "List-Unsubscribe-Post, unencoded, as RFC 8058 wants it."
        )
        yield good(Check.unsubscribe, words)
    else:
        words = _l(
            "The unsubscribe link in List-Unsubscribe is not https, so mail programs show no "
            "button."
        )
        fix = _l("Set BASE_URL to an address that begins with https://.")
        worse = bad if case.settings.production else warning
        yield worse(Check.unsubscribe, words, Remedy(IN_SETTINGS, fix))
    figures = {"size": len(octets) // 1024 + 1, "most": CLIPPED_AT // 1024}
    words = _l("The sample mail has %(size)s KB; Gmail cuts mails off at %(most)s.", **figures)
    if len(octets) < CLIPPED_AT:
        yield good(Check.size, words)
    else:
        fix = _l("Use a smaller logo, or none.")
        yield bad(Check.size, words, Remedy(ON_SETTINGS_PAGE, fix))


def check_arrival(case: Case, evidence: Evidence) -> Iterator[Finding]:
    """Send the sample mail to ourselves, and yield whether it arrives.

    Sets `evidence.returned` to the mail that arrived, and adds the clock of who received it.
    """
    settings = case.settings
    if not evidence.is_reached:
        return
    if not (settings.mail_reader_url or (settings.mail_inbox_url and settings.mail_bounce_address)):
        words = _l(
            "No mail was sent to ourselves, because there is no mailbox to read it in: what the "
            "mail server signs is not known."
        )
        fix = _l("Set MAIL_BOUNCE_ADDRESS, and MAIL_INBOX_URL to the mailbox of that address.")
        yield unknown(Check.trial, words, Remedy(IN_SETTINGS, fix))
        return
    mark = secrets.token_hex(8)
    message_id = f"<doctor.{mark}@{case.domain}>"
    to = case.sender if settings.mail_reader_url else settings.mail_bounce_address or ""
    try:
        _hand_over(case, case.sample.octets(message_id, to, mark), to)
        if settings.mail_reader_url:
            url = settings.mail_reader_url.rstrip("/")
            evidence.returned = from_catcher(url, mark, ARRIVES_WITHIN)
        else:
            url = settings.mail_inbox_url or ""
            evidence.returned = from_mailbox(url, message_id, ARRIVES_WITHIN)
    except NotHandedOver as refusal:
        words = _l("The mail server did not take the test mail: %(words)s", words=refusal.words)
        yield bad(Check.trial, words, Remedy(AT_MAIL_SERVER, _l("Do what its words say.")))
        return
    except Unread as failure:
        name = "MAIL_READER_URL" if settings.mail_reader_url else "MAIL_INBOX_URL"
        words = _l("The mailbox could not be read: %(why)s", why=str(failure))
        fix = _l("Check %(name)s.", name=name)
        yield bad(Check.trial, words, Remedy(IN_SETTINGS, fix))
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


def _arrival(returned: Returned | None, to: str) -> Finding:
    if returned is None:
        values: dict[str, str | int] = {"to": to, "seconds": int(ARRIVES_WITHIN)}
        words = _l("The test mail to %(to)s was not there after %(seconds)s seconds.", **values)
        fix = _l("Check again in a minute; then look into the mail server's log and among spam.")
        return warning(Check.trial, words, Remedy(AT_MAIL_SERVER, fix))
    if returned.is_caught:
        words = _l("The test mail arrived in the mail catcher, which sends nothing to anybody.")
        return good(Check.trial, words)
    return good(Check.trial, _l("The test mail to %(to)s arrived.", to=to))


def _note_clock(case: Case, returned: Returned, evidence: Evidence) -> None:
    """Add the receiving server's clock to the evidence: its Received against our Date."""
    sent_at = parse_date(str(returned.mail["Date"]))
    if returned.received_at and sent_at:
        clock = Clock(case.settings.mail_server, returned.received_at, sent_at, case.has_relay)
        evidence.clocks.append(clock)


def _verdict(returned: Returned) -> Iterator[Finding]:
    """Yield what the receiving server found about SPF, DKIM and DMARC, if it says so (RFC 8601)."""
    found = _authentication_results(returned.mail)
    if not found:
        return
    results = ", ".join(f"{method}={result}" for method, result in found.items())
    if set(found.values()) <= {"pass"}:
        words = _l("The server that took the test mail checked it: %(results)s.", results=results)
        yield good(Check.verdict, words)
        return
    words = _l("The server that took the test mail is not content: %(results)s.", results=results)
    fix = _l("What is said about SPF, DKIM and DMARC here shows where.")
    yield warning(Check.verdict, words, Remedy(AT_MAIL_SERVER, fix))


def _authentication_results(mail: Message) -> dict[str, str]:
    """Return results by method from the topmost Authentication-Results; {} without one."""
    header = " ".join(str((mail.get_all("Authentication-Results") or [""])[0]).split())
    found: dict[str, str] = {}
    for part in header.split(";")[1:]:
        method, _, result = part.strip().partition(" ")[0].partition("=")
        if method in {"spf", "dkim", "dmarc"} and found.get(method) != "pass":
            found[method] = result  # of several signatures, one that holds is enough
    return found


def from_catcher(url: str, mark: str, seconds: float) -> Returned | None:
    """Return the mail with `mark` in its subject; None when it does not come. Raises Unread."""

    def look() -> bytes | None:
        found = _CAUGHT.search(fetch(f"{url}/?q={quote(mark)}", 2).body.decode())
        return fetch(f"{url}/mails/{found[1]}.eml", 2).body if found else None

    try:
        octets = _wait_for(look, seconds)
    except (OSError, http.client.HTTPException) as error:
        raise Unread(str(error)) from error
    return Returned(octets, is_caught=True) if octets else None


def from_mailbox(url: str, message_id: str, seconds: float) -> Returned | None:
    """Return the mail and delete it from the mailbox; None when it does not come. Raises Unread."""
    try:
        with mailbox.logged_in(url) as box:
            octets = _wait_for(lambda: _take_out(box, message_id), seconds)
    except (OSError, ImapToolsError, imaplib.IMAP4.error, mailbox.InboxAway) as error:
        raise Unread(" ".join(str(error).split())[:300]) from error
    return Returned(octets, is_caught=False) if octets else None


def _take_out(box: BaseMailBox, message_id: str) -> bytes | None:
    """Return the mail with this Message-ID and delete it, so that it is not read as a reply."""
    box.client.noop()  # makes the server look for new mail
    uids = box.uids(AND(header=H("Message-ID", message_id)))
    if not uids:
        return None
    _, data = box.client.uid("fetch", uids[0], "(BODY.PEEK[])")
    octets: bytes | None = next((part[1] for part in data if isinstance(part, tuple)), None)
    box.delete(uids)
    return octets


def _wait_for(look: Callable[[], bytes | None], seconds: float) -> bytes | None:
    """Call `look` until it returns something, for at most `seconds`."""
    ends = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() < ends:
        time.sleep(PAUSE)
    return found
