"""Mail from the command line: the group that its commands hang on."""

from flask.cli import AppGroup

group = AppGroup("mail", help="What goes out by mail, and what comes in.")
