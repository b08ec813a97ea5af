"""Hang the flask commands on the app: each noun is a group, and the clock's round stands alone."""

from flask import Flask

from service import tick
from service.deliveries import commands as mail
from service.doctor import commands as doctor
from service.imports import commands as imports
from service.results import commands as results
from service.team import commands as providers
from service.testimonials import commands as testimonials

GROUPS = (
    providers.group,
    imports.clients_group,
    results.group,
    testimonials.group,
    imports.suppressions_group,
    mail.group,
)


def register(app: Flask) -> None:
    """Hang the commands on the app."""
    mail.group.add_command(doctor.doctor)
    for group in GROUPS:
        app.cli.add_command(group)
    app.cli.add_command(tick.tick)
