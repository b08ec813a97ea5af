"""Read what a server reports about a mail: delivery status (RFC 3464), complaint (RFC 5965), prose.

Pure. Whether the report is proven to be about a mail of ours is decided by callers.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from email.message import Message
from email.utils import parseaddr

from flufl.bounce import all_failures
from rq.timeouts import BaseTimeoutException

from service.mail.inbound.incoming import Incoming, header_of, plain
from service.models import InboundKind

# It logs the errors of its detectors, with parts of the mail; the mail itself is kept.
logging.getLogger("flufl.bounce").propagate = False
logging.getLogger("flufl.bounce").addHandler(logging.NullHandler())

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([45])\d\d(?=[ -])")
_FULL = re.compile(
    r"\b552\b|mailbox (?:is )?full|over ?quota|quota exceeded|exceeded.{0,20}quota"
    r"|buz[oó]n.{0,20}llen",
    re.IGNORECASE,
)
# Permanent failures (5.x.x) that do not mean that the address is dead: a full mailbox, too large a
# mail, a broken server, a loop, a policy against the sender (RFC 3463, section 3).
_NOT_DEAD = re.compile(r"5\.(?:2\.[23]|3\.\d+|4\.[567]|6\.\d+|7\.\d+)")
_UNKNOWN = re.compile(r"(?:user|addressee|recipient) unknown|unknown user|no such", re.IGNORECASE)
_DAEMON = re.compile(
    r"^(?:mailer-?daemon|postmaster|mail-?daemon|mdaemon|bounces?)\b", re.IGNORECASE
)
_COMPLAINTS = frozenset({"abuse", "fraud", "virus", "other", "opt-out", "opt-out-list"})
_ADDRESS = re.compile(r"[^\s<>;,\"']+@[^\s<>;,\"']+")
MOST_WORDS = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a mail, according to a server.

    `is_certain` is false when it was read from the text of a mail that anybody could have written.
    """

    kind: InboundKind
    status: str = ""  # RFC 3463
    words: str = ""  # the server's
    recipients: frozenset[str] = frozenset()  # in lower case; may be those it was forwarded to
    returned_to: frozenset[str] = frozenset()  # To of the mail that came back
    is_certain: bool = True


def report_in(incoming: Incoming) -> Report | None:
    """Return the report in a mail, or None when it has none."""
    parts = list(incoming.parts())
    for part in parts:
        if part.get_content_type() in {"message/feedback-report", "message/x-feedback-report"}:
            return _complaint(part, parts)
    blocks = [block for part in parts for block in _status_blocks(part)]
    if blocks:
        return _delivery_status(blocks, parts)
    return _prose(incoming)


def status_texts(incoming: Incoming) -> Iterator[str]:
    """Yield the text of the parts that machines read, which may contain our bounce address."""
    for part in incoming.parts():
        if part.get_content_type() in {"message/delivery-status", "message/feedback-report"}:
            inner = part.get_payload()
            for block in inner if isinstance(inner, list) else [part]:
                yield plain(block.as_string() if isinstance(block, Message) else str(block), 20_000)


def kind_of(status: str, words: str) -> InboundKind:
    """Return hard_bounce when a final failure means a dead address, else soft_bounce."""
    status = best_status(status, words)
    if not status:
        reply = _REPLY.search(words)
        if reply and reply[1] == "4":
            return InboundKind.soft_bounce
    if status == "5.3.0" and _UNKNOWN.search(words):
        return InboundKind.hard_bounce
    if status.startswith("4") or _NOT_DEAD.fullmatch(status):
        return InboundKind.soft_bounce
    is_vague = not status or status in {"5.0.0", "5.5.0"}
    return InboundKind.soft_bounce if is_vague and _FULL.search(words) else InboundKind.hard_bounce


def best_status(status: str, words: str) -> str:
    """Return the status code in `status`, or the one in `words` when that is vague (x.0.0)."""
    given = _STATUS.search(status)
    code = given[0] if given else ""
    if code and not code.endswith(".0.0"):
        return code
    better = _STATUS.search(words)
    return better[0] if better and better[1] != "2" else code


def _status_blocks(part: Message) -> list[Message]:
    """Return the blocks of a delivery-status part that are about a recipient."""
    if part.get_content_type() not in {"message/delivery-status", "message/global-delivery-status"}:
        return []
    inner = part.get_payload()
    blocks = (
        [block for block in inner if isinstance(block, Message)] if isinstance(inner, list) else []
    )
    return [block for block in blocks if "Action" in block or "Status" in block]


def _delivery_status(blocks: list[Message], parts: Iterable[Message]) -> Report:
    """Return the worst of the blocks: our mails have one recipient, so all are about it."""
    found = [(_kind_of_block(block), block) for block in blocks]
    order = (InboundKind.hard_bounce, InboundKind.soft_bounce, InboundKind.delivered)
    kind, block = min(found, key=lambda each: order.index(each[0]) if each[0] in order else 9)
    words = _diagnosis(block)
    return Report(
        kind,
        best_status(header_of(block, "Status"), words),
        words,
        _recipients(each for _kind, each in found),
        _returned_to(parts),
    )


def _kind_of_block(block: Message) -> InboundKind:
    action, status = header_of(block, "Action").strip().lower(), header_of(block, "Status")
    if action.startswith("delivered"):
        return InboundKind.delivered
    if action.startswith(("delayed", "relayed", "expanded")):
        return InboundKind.delayed
    if action.startswith(("fail", "error")) or status.strip().startswith("5"):
        return kind_of(status, _diagnosis(block))
    return InboundKind.delayed


def _diagnosis(block: Message) -> str:
    words = header_of(block, "Diagnostic-Code") or header_of(block, "X-Postfix-Diagnostic-Code")
    return " ".join(plain(words, MOST_WORDS).partition(";")[2].split()) if ";" in words else words


def _recipients(blocks: Iterable[Message]) -> frozenset[str]:
    values = (
        header_of(block, name)
        for block in blocks
        for name in ("Final-Recipient", "Original-Recipient")
    )
    return frozenset(address for value in values for address in _addresses(value))


def _complaint(report: Message, parts: list[Message]) -> Report:
    """Read a feedback report, whose fields are in the body of the part, written like headers."""
    inner = report.get_payload()
    fields = inner[0] if isinstance(inner, list) and isinstance(inner[0], Message) else report
    feedback = header_of(fields, "Feedback-Type").strip().lower()
    is_complaint = feedback in _COMPLAINTS
    return Report(
        InboundKind.complaint if is_complaint else InboundKind.unparsed,
        words=plain(f"{feedback} {header_of(fields, 'User-Agent')}".strip(), MOST_WORDS),
        recipients=frozenset(_addresses(header_of(fields, "Original-Rcpt-To"))),
        returned_to=_returned_to(parts),
    )


def _prose(incoming: Incoming) -> Report | None:
    """Ask flufl.bounce, which knows the wordings of many servers."""
    message = incoming.message
    if not incoming.sender:  # or a detector raises, and no other is tried
        message = copy(message)
        del message["From"]
        message["From"] = "nobody@invalid"
    try:
        temporary, permanent = all_failures(message)
    except BaseTimeoutException:
        raise  # the job's time is over; it says nothing of the mail
    except Exception:  # whatever a detector raises, it does not know the mail
        return None
    if not temporary and not permanent:
        return None
    words = " ".join(_sentences(incoming.text()))[:MOST_WORDS]
    kind = kind_of("", words) if permanent else InboundKind.delayed
    addresses = {address.decode("ascii", "replace").lower() for address in permanent or temporary}
    return Report(
        kind,
        best_status("", words),
        words,
        frozenset(addresses),
        _returned_to(list(incoming.parts())),
        is_certain=is_from_a_server(incoming),
    )


def is_from_a_server(incoming: Incoming) -> bool:
    """Return whether a mail was written by a mail server, not by somebody with a mailbox."""
    return (
        incoming.header("Return-Path").strip() == "<>"
        or bool(incoming.header("X-Failed-Recipients"))
        or bool(_DAEMON.match(incoming.sender))
    )


def _sentences(text: str) -> list[str]:
    """Return the lines that give a reason, or the first six."""
    lines = [line.strip() for line in text.splitlines()[:400] if line.strip()]
    telling = [line for line in lines if _STATUS.search(line) or _REPLY.search(line)]
    return telling[:3] or [line for line in lines if _FULL.search(line)][:3] or lines[:6]


def _returned_to(parts: Iterable[Message]) -> frozenset[str]:
    """Return the recipients in the headers of the mail that came back."""
    for part in list(parts)[1:]:
        if part.get_content_type() in {"text/rfc822-headers", "message/rfc822-headers"}:
            head = str(part.get_payload())
            match = re.search(r"^To:([^\n]*(?:\n[ \t][^\n]*)*)", head, re.IGNORECASE | re.MULTILINE)
            return frozenset(_addresses(match[1])) if match else frozenset()
        if part.get("Message-ID") and part.get("To"):
            return frozenset(_addresses(header_of(part, "To")))
    return frozenset()


def _addresses(text: str) -> list[str]:
    found = _ADDRESS.findall(text[:2000])
    return [parseaddr(address)[1].lower() for address in found]
