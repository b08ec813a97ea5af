"""Dovecot as the keeper of passwords that Postfix asks (SASL); it opens no port, keeps no mail."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import missing, private_directory, start, stop, wait_until

CONFIGURATION = """
base_dir = {home}/run
log_path = {home}/log
protocols =
ssl = no
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = {home}/logins
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
service auth {{
  unix_listener {socket} {{
    mode = 0666
  }}
}}
service stats {{
  chroot =
}}
"""


@contextmanager
def passwords(socket: Path, user: str, password: str) -> Iterator[None]:
    """Have a Dovecot say, on `socket`, whether a login is that of `user`."""
    program = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        missing("Dovecot (apt-get install dovecot-core)")
    with private_directory() as home:
        home.chmod(0o755)
        file, log = home / "dovecot.conf", home / "log"
        file.write_text(CONFIGURATION.format(home=home, socket=socket))
        (home / "logins").write_text(f"{user}:{{PLAIN}}{password}\n")
        with log.open("ab") as out:
            process = start([program, "-F", "-c", str(file)], stdout=out, stderr=out)
        try:
            wait_until(socket.stat, process, log)
            yield
        finally:
            stop(process)
