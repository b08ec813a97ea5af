"""Hang the flask commands on the app: each noun is a group, and the clock's round stands alone."""

from flask import Flask

from service import tick
from service.deliveries import commands as mail
from service.doctor import commands as doctor
from service.imports.commands import clients, suppressions
from service.results import commands as results
from service.team import commands as providers
from service.testimonials import commands as testimonials

GROUPS = (providers, clients, results, testimonials, suppressions, mail)


def register(app: Flask) -> None:
    """Hang the commands on the app."""
    mail.group.add_command(doctor.doctor)
    for module in GROUPS:
        app.cli.add_command(module.group)
    app.cli.add_command(tick.tick)
