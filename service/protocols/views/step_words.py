"""Give templates the words of protocols and their steps, as filters."""

from flask import Flask

from service.protocols.rules.step_names import protocol_name, step_name
from service.protocols.rules.step_words import ANCHORS, limits_in_words, when_in_words


def register(app: Flask) -> None:
    """Add the filters."""
    app.jinja_env.filters.update(
        protocol_name=protocol_name,
        step_name=step_name,
        step_when=when_in_words,
        step_limits=limits_in_words,
        anchor_name=lambda anchor: str(ANCHORS[anchor]),
    )
