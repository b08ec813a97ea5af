"""How gunicorn runs here; every line can be given on its command line instead.

Without `reuse_port` one worker can take every connection that is kept open.
"""

import os
import sys

from dotenv import dotenv_values

# Reads requests before a thread is given to them, so that slow clients hold up nobody.
worker_class = "service.web.gunicorn_worker.BufferingWorker"
threads = 4
reuse_port = True
graceful_timeout = 10
control_socket_disable = True
# No header of a request says where the service is mounted, not even one that comes from a proxy.
forwarder_headers = ""


def on_starting(server):
    """End before any worker on a wrong setting; say in one line which server does not answer."""
    from service import logs  # gunicorn reads this file very early
    from service.config import SettingError, Settings
    from service.reachability import unreachable

    logs.mask_everything()  # of gunicorn itself and, by fork, of its workers
    kept = {name: value for name, value in dotenv_values(".env").items() if value}
    try:
        settings = Settings.from_environment(kept | dict(os.environ))
    except SettingError as error:
        print(error, file=sys.stderr)  # noqa: T201
        # Left to its workers, gunicorn would end with a traceback and 1 as soon as two say so.
        sys.exit(3)
    for complaint in unreachable(settings, "DATABASE_URL", "REDIS_URL"):
        server.log.warning(complaint)


def post_worker_init(worker):
    """Leave threads to requests that only read, however long the database is locked."""
    from service.bulkhead import bulkhead

    bulkhead.bound(worker.cfg.threads)
