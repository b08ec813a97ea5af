"""The entry point for web servers: `gunicorn wsgi:app`, `flask --app wsgi ...`."""

import sys

from dotenv import load_dotenv

from service import private_files
from service.app import create_app
from service.config import SettingError

# A thread that computes (an import) gives way to one that answers within 0.5 ms, not within 5: an
# answer asks for the interpreter some thirty times, at each statement of SQL.
sys.setswitchinterval(0.0005)
private_files.hide_new_files()
load_dotenv(".env")  # what the environment says already wins
try:
    app = create_app()
    private_files.hide_stored(app.extensions["settings"])
except SettingError as error:
    print(error, file=sys.stderr)  # noqa: T201
    sys.exit(3)  # gunicorn's code for "do not try this again"
