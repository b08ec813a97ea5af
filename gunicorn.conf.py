"""How gunicorn runs here; every line can be given on its command line instead.

Without `reuse_port` one worker can take every connection that is kept open.
"""

worker_class = "gthread"
threads = 4
reuse_port = True
graceful_timeout = 10
control_socket_disable = True


def on_starting(server):
    """Say in one line which server that pages need does not answer."""
    from service.config import SettingError, Settings  # gunicorn reads this file very early
    from service.reachability import unreachable

    try:
        settings = Settings.from_environment()
        for complaint in unreachable(settings, "DATABASE_URL", "REDIS_URL"):
            server.log.warning(complaint)
    except SettingError:
        pass  # wsgi.py says it, and ends
