"""Mails as they come in: bounces in the formats of several servers, complaints, answers.

Written for these tests, after the RFCs and what the servers send. Each is about one mail of ours,
given by its row; without one they are about a mail that never was.
"""

from email.message import EmailMessage
from email.utils import format_datetime

from service.clock import now
from service.mail import verp
from service.models import OutboxMessage

BOUNCES_TO = "rebotes@norte.example"


def verp_of(row: OutboxMessage) -> str:
    """The signed address that the mail went out from; MAIL_BOUNCE_ADDRESS has to be set."""
    address = verp.address(row.public_id)
    assert address
    return address


def reader_of(row: OutboxMessage | None) -> str:
    """The address that the mail went to."""
    return row.contact.email if row is not None and row.contact else "nadie@daz.example"


def head_of(row: OutboxMessage | None, **more: str) -> str:
    """The head of the mail that came back."""
    lines = {
        "From": "Marta Ruiz <hola@norte.example>",
        "To": reader_of(row),
        "Subject": "Gracias por estos años",
        "Message-ID": row.message_id if row else "<0000000000000000000000@norte.example>",
        **more,
    }
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)


def dsn(
    row: OutboxMessage | None = None,
    *,
    to: str = BOUNCES_TO,
    action: str = "failed",
    status: str = "5.1.1",
    words: str = "smtp; 550 5.1.1 User unknown",
    returned: str | None = None,
    extra: str = "",
    recipient: str = "",
) -> bytes:
    """A delivery status notification (RFC 3464), as Postfix, Exim, Gmail and Microsoft send it.

    `returned` is the head that comes back (default: that of the mail); "" sends none back.
    """
    returned = head_of(row) if returned is None else returned
    back = f"--xyz\r\nContent-Type: text/rfc822-headers\r\n\r\n{returned}\r\n" if returned else ""
    return (
        "Return-Path: <>\r\n"
        "From: Mail Delivery System <MAILER-DAEMON@mx.daz.example>\r\n"
        f"To: {to}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        "Auto-Submitted: auto-replied\r\n"
        f"Date: {format_datetime(now())}\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="xyz"\r\n'
        "\r\n"
        "--xyz\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        "I'm sorry to have to inform you that your message could not be delivered.\r\n\r\n"
        "--xyz\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.daz.example\r\n{extra}\r\n"
        f"Final-Recipient: rfc822; {recipient or reader_of(row)}\r\n"
        f"Action: {action}\r\nStatus: {status}\r\nDiagnostic-Code: {words}\r\n\r\n"
        f"{back}--xyz--\r\n"
    ).encode()


def arf(row: OutboxMessage | None = None, feedback: str = "abuse", **more: str) -> bytes:
    """A complaint (RFC 5965), as mailbox providers send it."""
    return (
        "From: fbl@mailbox.example\r\n"
        f"To: {more.get('to', BOUNCES_TO)}\r\n"
        "Subject: FW: Gracias\r\n"
        f"Date: {format_datetime(now())}\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="abc"\r\n\r\n'
        "--abc\r\nContent-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n\r\n"
        "--abc\r\nContent-Type: message/feedback-report\r\n\r\n"
        f"Feedback-Type: {feedback}\r\nUser-Agent: Mailbox/1.0\r\nVersion: 1\r\n"
        f"{more.get('extra', '')}\r\n"
        "--abc\r\nContent-Type: message/rfc822\r\n\r\n"
        f"{more.get('returned') or head_of(row)}\r\nHola.\r\n\r\n--abc--\r\n"
    ).encode()


def answer(
    row: OutboxMessage | None = None,
    text: str = "Muchas gracias, hablamos el lunes.",
    subject: str = "Re: Gracias por estos años",
    to: str = "hola@norte.example",
    **more: str,
) -> bytes:
    """What a person writes back; `more` are headers, with _ for -."""
    mail = EmailMessage()
    mail["From"] = more.pop("sender", f"Ruy Díaz <{reader_of(row)}>")
    mail["To"], mail["Subject"], mail["Date"] = to, subject, format_datetime(now())
    if row is not None and row.message_id and "In_Reply_To" not in more:
        mail["In-Reply-To"] = mail["References"] = row.message_id
    for name, value in more.items():
        if value:
            mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail.as_bytes()


def prose(server: str, row: OutboxMessage) -> bytes:
    """A bounce in words, the head of the mail copied below, as `server` sends it."""
    return PROSE[server].format(reader=reader_of(row), head=head_of(row), to=BOUNCES_TO).encode()


PROSE = {
    "postfix of old": (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example (Mail Delivery System)\r\nTo: {to}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="pf"\r\n\r\n'
        "--pf\r\nContent-Description: Notification\r\nContent-Type: text/plain\r\n\r\n"
        "This is the Postfix program at host mx.example.\r\n\r\n"
        "I'm sorry to have to inform you that the message returned\r\nbelow could not be delivered"
        " to one or more destinations.\r\n\r\n"
        '\t\t\tThe Postfix program\r\n\r\n<{reader}>: unknown user: "nobody"\r\n\r\n'
        "--pf\r\nContent-Description: Undelivered Message\r\nContent-Type: message/rfc822\r\n\r\n"
        "{head}\r\nHola\r\n\r\n--pf--\r\n"
    ),
    "exim": (
        "From: Mail Delivery System <Mailer-Daemon@mx.example>\r\nTo: {to}\r\n"
        "X-Failed-Recipients: {reader}\r\nAuto-Submitted: auto-replied\r\n"
        "Subject: Mail delivery failed: returning message to sender\r\n\r\n"
        "This message was created automatically by mail delivery software.\r\n\r\n"
        "A message that you sent could not be delivered to one or more of its\r\nrecipients. This"
        " is a permanent error. The following address(es) failed:\r\n\r\n"
        "  {reader}\r\n    550 5.1.1 no such user here\r\n\r\n"
        "------ This is a copy of the message, including all the headers. ------\r\n\r\n{head}"
    ),
    "exchange": (
        "From: System Administrator <postmaster@mx.example>\r\nTo: {to}\r\n"
        "Subject: Undeliverable: Gracias\r\nX-Mailer: Internet Mail Service (5.5.2653.19)\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="ex"\r\n\r\n'
        "--ex\r\nContent-Type: text/plain\r\n\r\n"
        "Your message\r\n\r\n  To:      Ruy\r\n  Subject: Gracias\r\n\r\n"
        "did not reach the following recipient(s):\r\n\r\n"
        "{reader} on Wed, 25 Nov 2026 10:00:00 +0100\r\n"
        "    The recipient name is not recognized\r\n\r\n"
        "--ex\r\nContent-Type: message/rfc822\r\n\r\n{head}\r\nHola\r\n\r\n--ex--\r\n"
    ),
    "qmail": (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: {to}\r\n"
        "Subject: failure notice\r\n\r\n"
        "Hi. This is the qmail-send program at mx.example.\r\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n"
        "<{reader}>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
        "--- Below this line is a copy of the message.\r\n\r\n{head}"
    ),
    "yahoo": (
        "From: MAILER-DAEMON@yahoo.example\r\nTo: {to}\r\nSubject: Delivery failure\r\n\r\n"
        "Message from yahoo.example.\r\n"
        "Unable to deliver message to the following address(es).\r\n\r\n"
        "<{reader}>:\r\nThis user doesn't have a yahoo.example account ({reader}) [0]\r\n\r\n"
        "--- Original message follows.\r\n\r\n{head}"
    ),
}
