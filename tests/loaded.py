"""What the processes of tests/forked.py have loaded when they begin: the service, its templates.

Imported by the forkserver alone. Each app of its children finds the templates compiled.
"""

import gc
import tempfile
from pathlib import Path

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

import service.mail.delivery.warming  # noqa: F401
from service.app import create_app
from service.config import Settings


class Memory(BytecodeCache):
    """Compiled templates, kept in this process and those that it forks."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give what was compiled, if it was."""
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self.kept[bucket.key] = bucket.bytecode_to_string()


Flask.jinja_options = {"bytecode_cache": Memory()}
with tempfile.TemporaryDirectory() as home:
    app = create_app(Settings.from_environment({"DATA_DIR": home, "REDIS_URL": f"unix://{home}/-"}))
    for name in app.jinja_env.list_templates():
        if Path(name).suffix in {".html", ".txt", ".md"} and not name.startswith("catcher/"):
            app.jinja_env.get_template(name)
del app
gc.collect()
gc.freeze()  # no child looks through it for garbage
