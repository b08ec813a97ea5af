"""The SMTP side: takes every mail for every recipient, sends none on."""

import asyncio

from aiosmtpd.smtp import SMTP, Envelope, Session

from service.catcher.mails import Mails


class Reception:
    """What aiosmtpd asks when a mail is handed over."""

    def __init__(self, mails: Mails) -> None:
        self.mails = mails

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Write the mail down before saying 250."""
        content = envelope.original_content or b""
        self.mails.keep(envelope.mail_from or "", list(envelope.rcpt_tos), content)
        return "250 2.0.0 kept, not sent"


async def listen(mails: Mails, host: str, port: int) -> asyncio.Server:
    """Start to listen; raises OSError when the port is taken."""

    def connection() -> SMTP:
        return SMTP(Reception(mails), hostname="mail-catcher", enable_SMTPUTF8=True)

    return await asyncio.get_running_loop().create_server(connection, host, port)
