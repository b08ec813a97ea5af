"""The flask commands, a module a noun."""

from flask import Flask

from service.cli import (
    clients,
    doctor,
    mail,
    providers,
    results,
    suppressions,
    testimonials,
    ticks,
)

GROUPS = (providers, clients, results, testimonials, suppressions, mail)
APART = (doctor,)  # they hang their commands on a group by being imported


def register(app: Flask) -> None:
    """Hang the commands on the app."""
    for module in GROUPS:
        app.cli.add_command(module.group)
    app.cli.add_command(ticks.tick)
