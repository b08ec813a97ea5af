"""Give templates the words of protocols and their steps, as filters."""

from flask import Flask

from service.models.step_names import (
    ANCHORS,
    limits_in_words,
    protocol_name,
    step_name,
    when_in_words,
)


def register(app: Flask) -> None:
    """Add the filters."""
    app.jinja_env.filters.update(
        protocol_name=protocol_name,
        step_name=step_name,
        step_when=when_in_words,
        step_limits=limits_in_words,
        anchor_name=lambda anchor: str(ANCHORS[anchor]),
    )
