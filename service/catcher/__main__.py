"""`python -m service.catcher`: catch mails on one port, show them on another, until SIGTERM."""

import argparse
import asyncio
import logging
import signal
import sys
import threading

from werkzeug.serving import make_server

from service import private_files
from service.catcher.mails import Mails
from service.catcher.pages import create_pages
from service.catcher.reception import listen
from service.config import LANGUAGES, SettingError, Settings


def main() -> int:
    """Read the settings and the two ports, serve, and end on a signal."""
    parser = argparse.ArgumentParser(prog="python -m service.catcher", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025, help="of the pages")
    parser.add_argument("--smtp-port", type=int, default=1025)
    wanted = parser.parse_args()
    private_files.hide_new_files()  # mails with links that set passwords
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    try:
        asyncio.run(serve(wanted, Settings.from_environment()))
    except (SettingError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def serve(wanted: argparse.Namespace, settings: Settings) -> None:
    """Run both servers until a signal comes."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    directory = settings.data_dir / "mails"
    reception = await listen(Mails(directory), wanted.host, wanted.smtp_port)
    pages = make_server(
        wanted.host,
        wanted.port,
        create_pages(directory, settings.time_zone, LANGUAGES),
        threaded=True,
    )
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    await stopped.wait()
    reception.close()
    pages.shutdown()


if __name__ == "__main__":
    sys.exit(main())
