"""An SMTP server in a process of its own: keeps what it takes as files, fails when it is told to.

`smtp_server.py DIRECTORY [--port N] [--login USER:PASSWORD] [--certificate PEM [--implicit-tls]]`
prints its port. Each mail is one file: a line of JSON with the envelope, then the bytes.
"""

import argparse
import asyncio
import json
import ssl
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Keeper:
    """aiosmtpd's handler: asks the rules first, then writes the mail down."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.count = 0
        self.used: dict[int, int] = {}

    async def told(self, server: SMTP, stage: str, recipients: list[str]) -> str | None:
        """Return the reply that a test asked for here, if any."""
        path = self.directory / "rules.json"
        rules = json.loads(path.read_text()) if path.exists() else []
        if not rules:
            self.used.clear()
        for index, rule in enumerate(rules):
            hit = rule["stage"] == stage and any(rule["to"] in r for r in recipients or [""])
            if hit and self.used.get(index, 0) < rule["times"]:
                self.used[index] = self.used.get(index, 0) + 1
                return await self.perform(server, rule["reply"])
        return None

    @staticmethod
    async def perform(server: SMTP, reply: str) -> str:
        if reply == "stall":
            await asyncio.sleep(60)
        if reply in {"stall", "close"}:
            server.transport.abort()
        return "421 gone" if reply in {"stall", "close"} else reply

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := await self.told(server, "MAIL", [address]):
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := await self.told(server, "RCPT", [address]):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if reply := await self.told(server, "DATA", envelope.rcpt_tos):
            return reply
        self.count += 1
        name = f"{time.time_ns():020}-{self.count:06}"
        head = json.dumps({"mail_from": envelope.mail_from, "rcpt_tos": envelope.rcpt_tos})
        waiting = self.directory / f"{name}.new"
        waiting.write_bytes(head.encode() + b"\n" + (envelope.original_content or b""))
        waiting.replace(self.directory / f"{name}.eml")
        return "250 kept"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--login")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--implicit-tls", action="store_true")
    return parser.parse_args()


async def serve(wanted: argparse.Namespace) -> None:
    keeper = Keeper(wanted.directory)
    context = None
    if wanted.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(wanted.certificate)

    def authenticate(_server, _session, _envelope, _mechanism, given) -> AuthResult:
        expected = LoginPassword(*(part.encode() for part in wanted.login.split(":", 1)))
        return AuthResult(success=given == expected, handled=False)

    def connection() -> SMTP:
        return SMTP(
            keeper,
            hostname="sink.test",
            tls_context=None if wanted.implicit_tls else context,
            authenticator=authenticate if wanted.login else None,
            auth_required=bool(wanted.login),
            auth_require_tls=bool(context) and not wanted.implicit_tls,
            enable_SMTPUTF8=True,
        )

    server = await asyncio.get_running_loop().create_server(
        connection,
        "127.0.0.1",
        wanted.port,
        ssl=context if wanted.implicit_tls else None,
        backlog=1024,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(arguments()))
