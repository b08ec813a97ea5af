"""A real IMAP server for the tests: Dovecot, of this pytest process alone, never run by root.

It listens on several addresses of loopback and shows another certificate on each.
"""

import grp
import os
import pwd
import secrets
import shutil
import signal
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from imaplib import IMAP4
from pathlib import Path
from urllib.parse import quote

import pytest
from imap_tools.imap_utf7 import utf7_encode

from tests.doctor.authority import authority, certificate
from tests.live import free_port
from tests.processes import missing, private_directory, start, stop, wait_until
from tests.supervised import forks_of

GOOD = "127.0.0.1"
ELSEWHERE = "127.0.0.2"  # not taken for this machine by the service, nor by Dovecot: needs TLS
EXPIRED = "127.0.0.3"
MISNAMED = "127.0.0.4"
CERTIFICATES = {  # address -> the host that its certificate names, the days that it is good for
    GOOD: (GOOD, 90),
    ELSEWHERE: (ELSEWHERE, 90),
    EXPIRED: (EXPIRED, -1),
    MISNAMED: ("mail.norte.es", 90),
}

CONFIGURATION = """
protocols = imap
listen = {addresses}
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0 # a wrong password makes nobody wait
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
auth_failure_delay = 0
auth_username_chars =
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {home}/users/%u
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/mails/%u
}}
mail_location = maildir:~/Maildir
namespace inbox {{
  inbox = yes
  separator = /
}}
ssl_cert = <{home}/127.0.0.1.pem
ssl_key = <{home}/127.0.0.1.pem
"""
LOCAL = """
local {address} {{
  ssl_cert = <{home}/{address}.pem
  ssl_key = <{home}/{address}.pem
}}
"""


class Dovecot:
    """A Dovecot with a configuration of its own; the user that runs it owns the mails."""

    def __init__(self, home: Path, user: str | None) -> None:
        self.home, self._log = home, home / "log"
        self.port, self.tls_port = free_port(), free_port()
        self._who = {"user": user, "group": user, "extra_groups": []} if user else {}
        self.owner = user or pwd.getpwuid(os.geteuid()).pw_name
        self.group = user or grp.getgrgid(os.getegid()).gr_name

    @property
    def authority(self) -> Path:
        """The authority behind its certificates, for SSL_CERT_FILE."""
        return self.home / "authority.pem"

    def write(self) -> None:
        """Write its configuration and its certificates."""
        authority(self.home)
        values = {"home": self.home, "user": self.owner, "group": self.group}
        ports = {"port": self.port, "tls_port": self.tls_port}
        lines = CONFIGURATION.format(**values, **ports, addresses=", ".join(CERTIFICATES))
        for address, (host, days) in CERTIFICATES.items():
            certificate(self.home, host, days).rename(self.home / f"{address}.pem")
            lines += LOCAL.format(address=address, home=self.home)
        (self.home / "dovecot.conf").write_text(lines)
        (self.home / "users").mkdir()
        self._log.touch()
        self.give(self.home)

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [dovecot_binary(), "-F", "-c", str(self.home / "dovecot.conf")]
        with self._log.open("ab") as out:
            self._process = start(command, stdout=out, stderr=out, cwd=self.home, **self._who)
        wait_until(self._greet, self._process, self._log)

    def stop(self) -> None:
        """End it, with everybody who is logged in."""
        self.end_sessions()
        stop(self._process)

    def end_sessions(self) -> None:
        """SIGKILL the processes that speak with users who are logged in."""
        for pid in forks_of(self._process.pid):
            with suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"dovecot/imap\0"):
                    os.kill(pid, signal.SIGKILL)

    def said(self) -> str:
        """Return its log."""
        return self._log.read_text()

    def account(self, username: str, password: str = "sésamo") -> "Account":
        """Make a user with an empty INBOX."""
        encoded = b64encode(password.encode()).decode()  # a colon would end it
        (self.home / "users" / username).write_text(f"{username}:{{PLAIN.b64}}{encoded}\n")
        account = Account(self, username, password)
        account.make("INBOX")
        return account

    def give(self, path: Path) -> None:
        """Give a directory and what is in it to the user that runs the server."""
        if self._who:
            for each in (path, *path.rglob("*")):
                shutil.chown(each, self.owner, self.group)

    def _greet(self) -> None:
        with IMAP4(GOOD, self.port, timeout=5) as imap:
            imap.noop()


@dataclass(frozen=True)
class Account:
    """A user of the server and the mails in their folders."""

    server: Dovecot
    username: str
    password: str

    def url(
        self, folder: str = "INBOX", *, host: str = GOOD, is_tls: bool = False, password: str = ""
    ) -> str:
        """Return what MAIL_INBOX_URL says."""
        login = f"{quote(self.username, '')}:{quote(password or self.password, '')}"
        kind, port = ("imaps", self.server.tls_port) if is_tls else ("imap", self.server.port)
        return f"{kind}://{login}@{host}:{port}/{quote(folder)}"

    def make(self, folder: str) -> None:
        """Make an empty folder."""
        for name in ("tmp", "new", "cur"):
            (self._directory(folder) / name).mkdir(parents=True)
        self.server.give(self.server.home / "mails")

    def put(self, *mails: bytes, folder: str = "INBOX") -> None:
        """Deliver mails as an MTA does: each is written elsewhere and moved in whole."""
        directory = self._directory(folder)
        for number, octets in enumerate(mails, 1_700_000_000 + len(self._paths(folder))):
            waiting = directory / "tmp" / f"{number}.{secrets.token_hex(4)}.norte"
            waiting.write_bytes(octets)
            waiting.chmod(0o644)
            waiting.rename(directory / "new" / waiting.name)

    def spoil(self, number: int) -> None:
        """Let the server see a mail and not read it, as after a copy by somebody else."""
        self._paths("INBOX")[number].chmod(0)

    def marked(self, folder: str = "INBOX") -> list[bool]:
        """Return whether each mail is marked as read, in the order of their delivery."""
        return [",S" in path.name.rpartition(":2")[2] for path in self._paths(folder)]

    def logins(self) -> int:
        """Return how often this user has logged in."""
        return self.server.said().count(f"Login: user=<{self.username}>")

    def _directory(self, folder: str) -> Path:
        top = self.server.home / "mails" / self.username / "Maildir"
        if folder == "INBOX":
            return top
        return top / ("." + utf7_encode(folder.replace("/", ".")).decode())

    def _paths(self, folder: str) -> list[Path]:
        directory = self._directory(folder)
        paths = [path for name in ("new", "cur") for path in (directory / name).iterdir()]
        return sorted(paths, key=lambda path: path.name)


def dovecot_binary() -> str:
    """Return the path of Dovecot's master program."""
    found = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/sbin")
    return found or missing("Dovecot (apt-get install dovecot-imapd)")


@contextmanager
def dovecot() -> Iterator[Dovecot]:
    """Yield a running Dovecot that can be stopped and started."""
    dovecot_binary()
    user = "dovecot" if os.geteuid() == 0 else None
    with private_directory(user) as home:
        server = Dovecot(home, user)
        server.write()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def dovecot_server() -> Iterator[Dovecot]:
    """This session's Dovecot."""
    with dovecot() as server:
        yield server


@pytest.fixture
def account(dovecot_server: Dovecot) -> Account:
    """A user of a real IMAP server, whose INBOX is empty at the start of each test."""
    return dovecot_server.account(f"rebotes-{secrets.token_hex(4)}@norte.example")
