"""The flask commands, a module a noun."""

from flask import Flask

from service.cli import clients, providers, results, testimonials, ticks

GROUPS = (providers, clients, results, testimonials)


def register(app: Flask) -> None:
    """Hang the commands on the app."""
    for module in GROUPS:
        app.cli.add_command(module.group)
    app.cli.add_command(ticks.tick)
