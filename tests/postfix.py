"""A real Postfix of this pytest process alone: its own settings, queue, ports and mailboxes.

It lives in a private directory and never touches /etc/postfix or the queue of the machine. Each
port of loopback is one smtpd with its own ways; mail for other hosts goes to a second server, a
port of the same Postfix under another name, which takes no mail for anybody.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dovecot_login import passwords
from tests.live import free_port
from tests.processes import missing, private_directory, start, stop, wait_until

CERTIFICATES = Path(__file__).with_name("mail") / "certificates"
HOST = "mx.norte.example"
MAILBOXES = ("ana@daz.example", "ruy@daz.example", "josé@ñandú.example")
ELSEWHERE = "lejos.example"  # where a relay finds out that nobody is at home
OWNER = "nobody"  # of the mailboxes
LOGIN = ("adios", "sésamo ábrete")  # of the port `login`

MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log
maillog_file_prefixes = /tmp
myhostname = {host}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtp_host_lookup = native
minimal_backoff_time = 1s
virtual_mailbox_base = {home}/boxes
virtual_mailbox_domains = daz.example, xn--and-6ma2c.example
virtual_mailbox_maps = texthash:{home}/mailboxes
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
transport_maps = hash:{home}/transport
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_tls_received_header = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {home}/sasl/auth
"""

PORTS = {
    "plain": [],
    "secure": ["smtpd_tls_security_level=encrypt", "smtpd_tls_cert_file={trusted}"],
    "misnamed": ["smtpd_tls_security_level=encrypt", "smtpd_tls_cert_file={misnamed}"],
    "login": [
        *("smtpd_tls_security_level=encrypt", "smtpd_tls_cert_file={trusted}"),
        *("smtpd_tls_auth_only=yes", "smtpd_sasl_auth_enable=yes"),
        "smtpd_relay_restrictions=permit_sasl_authenticated,reject",
    ],
    "ascii": ["smtpd_discard_ehlo_keywords=8bitmime,smtputf8"],
    "full": [],
    "outside": ["mynetworks=192.0.2.0/24"],  # who comes here is a stranger
    "elsewhere": [
        f"myhostname=mx.{ELSEWHERE}",
        "smtpd_recipient_restrictions=check_recipient_access,static:{{550 5.1.1 User unknown}}",
    ],
}

SERVICES = """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A Postfix of our own; `ports` by what is special about each."""

    host = "127.0.0.1"

    def __init__(self, home: Path) -> None:
        self.home, self.log, self.boxes = home, home / "log", home / "boxes"
        self.ports = {name: free_port() for name in PORTS}

    def configure(self) -> None:
        """Make its folders and write its settings."""
        self.home.chmod(0o755)  # its programs run as others than root
        for folder in ("queue", "data", "boxes", "sasl"):
            (self.home / folder).mkdir()
        shutil.chown(self.home / "data", "postfix")
        shutil.chown(self.boxes, OWNER)
        self.log.touch()
        there = [f"{self._on_the_wire(each)} {each}/\n" for each in MAILBOXES]
        there += [f"{each} {each}/\n" for each in MAILBOXES if not each.isascii()]
        (self.home / "mailboxes").write_text("".join(there))
        self.write_settings()

    def write_settings(self) -> None:
        """Write its settings, whatever was changed in them since."""
        (self.home / "main.cf").write_text(MAIN.format(home=self.home, host=HOST))
        (self.home / "master.cf").write_text(SERVICES + "".join(map(self._smtpd, PORTS)))
        to = f"{ELSEWHERE} smtp:[127.0.0.1]:{self.ports['elsewhere']}\n"
        (self.home / "transport").write_text(to)
        self.run("postmap", str(self.home / "transport"))

    def _smtpd(self, name: str) -> str:
        pem = {each: CERTIFICATES / f"{each}.pem" for each in ("trusted", "misnamed")}
        for each, path in pem.items():
            pem[each] = Path(shutil.copy(path, self.home / f"{each}.pem"))
        words = [option.format(**pem) for option in PORTS[name]]
        options = "".join(f"  -o {{ {word.replace('=', ' = ', 1)} }}\n" for word in words)
        syslog = f"  -o syslog_name=postfix/{name}\n"
        return f"{self.host}:{self.ports[name]} inet n - n - - smtpd\n{options}{syslog}"

    @staticmethod
    def _on_the_wire(address: str) -> str:
        local, _, domain = address.partition("@")
        return f"{local}@{domain.encode('idna').decode()}"

    def run(self, program: str, *words: str) -> str:
        """Run one of Postfix's programs on this configuration, and return what it says."""
        command = [programs() + program, "-c", str(self.home), *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{self.said()[-2000:]}"
        return done.stdout

    def start(self) -> None:
        """Start it and wait until it greets.

        Its master is our child, but forgets to die with us when it changes its user. A shell that
        reads from us until we are gone ends it then.
        """
        self.run("postfix", "check")  # makes the queue
        master = self.run("postconf", "-h", "daemon_directory").strip() + "/master"
        with self.log.open("ab") as out:
            command = [master, "-c", str(self.home), "-d"]
            self.process = start(command, stdout=out, stderr=out, start_new_session=True)
        self._tether = subprocess.Popen(
            ["sh", "-c", f"cat; kill {self.process.pid}"],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        wait_until(lambda: self.run("postfix", "status"), self.process, self.log)

    def reload(self) -> None:
        """Have every program of it read the settings anew."""
        self.run("postfix", "reload")

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it."""
        self._tether.kill()
        self._tether.communicate()
        stop(self.process, how)

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def mails(self, address: str) -> list[bytes]:
        """Return the mails in a mailbox, as they lie there, the oldest first."""
        found = (self.boxes / address / "new").glob("*")
        return [path.read_bytes() for path in sorted(found, key=lambda each: each.stat().st_mtime)]

    def wait_for(self, address: str, count: int = 1, seconds: float = 20) -> list[bytes]:
        """Wait until so many mails lie in a mailbox."""
        deadline = time.monotonic() + seconds
        while len(found := self.mails(address)) < count:
            if time.monotonic() > deadline:
                pytest.fail(f"{len(found)} of {count} mails for {address}: {self.said()[-3000:]}")
            time.sleep(0.05)
        return found

    def has_room(self, is_so: bool) -> None:
        """Let the port `full` have room for mails in its queue, or not."""
        place = f"{self.host}:{self.ports['full']}/inet/queue_minfree"
        self.run("postconf", "-P", f"{place}={0 if is_so else 10**15}")
        self.reload()

    def clear(self) -> None:
        """Empty the queue and the mailboxes."""
        subprocess.run(
            [programs() + "postsuper", "-c", str(self.home), "-d", "ALL"], capture_output=True
        )
        for box in self.boxes.iterdir():
            shutil.rmtree(box)


def programs() -> str:
    """Return the folder of Postfix's commands, with a slash behind it."""
    found = shutil.which("postfix", path=f"{os.environ['PATH']}:/usr/sbin")
    return str(Path(found or missing("Postfix (apt-get install postfix)")).parent) + "/"


@contextmanager
def a_postfix() -> Iterator[Postfix]:
    """Yield a running Postfix."""
    if os.geteuid() != 0:
        missing("root, as whom alone Postfix starts")
    programs()
    with private_directory() as home:
        server = Postfix(home)
        server.configure()
        with passwords(home / "sasl" / "auth", *LOGIN):
            server.start()
            try:
                yield server
            finally:
                server.stop()


@pytest.fixture(scope="session")
def postfix_server() -> Iterator[Postfix]:
    """This session's Postfix."""
    with a_postfix() as server:
        yield server


@pytest.fixture
def postfix(postfix_server: Postfix) -> Iterator[Postfix]:
    """A real Postfix with empty mailboxes; pytest shows what it said when the test fails."""
    postfix_server.clear()
    before = len(postfix_server.said())
    yield postfix_server
    print(re.sub(r"(?m)^.{16}\S+ ", "", postfix_server.said()[before:]))
