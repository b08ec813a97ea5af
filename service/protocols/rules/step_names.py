"""What protocols and their steps are called on provider pages. Words only."""

from typing import Any

from flask_babel import lazy_gettext as _l

from service.labels import label
from service.models.protocols import Protocol
from service.models.steps import Step

BUILT_IN_NAMES: dict[str, Any] = {
    "default": _l("The whole farewell"),
    "short": _l("A short farewell"),
    "project_finished": _l("Project finished"),
}


def protocol_name(protocol: Protocol) -> str:
    """Return what a protocol is called: its own name, or that of the built-in one."""
    built_in = protocol.built_in or ""
    return protocol.name or str(BUILT_IN_NAMES.get(built_in, built_in))


def step_name(step: Step) -> str:
    """Return what a step is called: the team's title for it, or its kind of mail."""
    return step.title or label(step.kind)
