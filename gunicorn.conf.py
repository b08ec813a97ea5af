"""How gunicorn runs here; every line can be given on its command line instead.

Without `reuse_port` one worker can take every connection that is kept open.
"""

worker_class = "gthread"
threads = 4
reuse_port = True
graceful_timeout = 10
control_socket_disable = True


def on_starting(server):
    """Say in one line which server of the settings does not answer."""
    from service.config import SettingError, Settings  # gunicorn reads this file very early
    from service.reachability import unreachable

    try:
        for complaint in unreachable(Settings.from_environment()):
            server.log.warning(complaint)
    except SettingError:
        pass  # wsgi.py says it, and ends
