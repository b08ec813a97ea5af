"""Conversations: plan one, say it was held or will not be, take that back. Flushes only."""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import update

from service.clock import now
from service.errors import Conflict, Refused
from service.events.actions import record_event
from service.extensions import db
from service.models import Conversation, ConversationState, EventKind, Provider

TO_COME = (ConversationState.open, ConversationState.planned)


def plan(conversation: Conversation, at: datetime, *, version: int, by: Provider) -> None:
    """Say when (UTC) they talk; again for another day. Raises Refused for a moment that passed.

    `version` is that of the conversation as the person saw it; raises Conflict when it changed.
    """
    if at <= now():
        raise Refused(_("That moment has passed. If you have talked, say so below."))
    _decide(conversation, version, by, state=ConversationState.planned, planned_at=at)
    _record_event(conversation, EventKind.talk_planned, by, at.isoformat())


def hold(conversation: Conversation, note: str, *, version: int, by: Provider) -> None:
    """Say that they have talked, and about what; raises Conflict when it changed meanwhile."""
    changes = {"state": ConversationState.held, "note": note, "ended_at": now()}
    _decide(conversation, version, by, **changes)
    _record_event(conversation, EventKind.talk_held, by, note)


def decline(conversation: Conversation, note: str, *, version: int, by: Provider) -> None:
    """Say that there will be no talk, and why; raises Conflict when it changed meanwhile."""
    changes = {"state": ConversationState.declined, "note": note, "ended_at": now()}
    _decide(conversation, version, by, planned_at=None, **changes)
    _record_event(conversation, EventKind.talk_declined, by, note)


def reopen(conversation: Conversation, *, version: int, by: Provider) -> None:
    """Take back what was decided, a plan too; the note stays. Twice is once."""
    if conversation.state is ConversationState.open:
        return
    changes = {"state": ConversationState.open, "planned_at": None, "ended_at": None}
    _decide(conversation, version, by, *ConversationState, **changes)
    _record_event(conversation, EventKind.talk_reopened, by)


def _decide(
    conversation: Conversation,
    version: int,
    by: Provider,
    *states: ConversationState,
    **changes: Any,
) -> None:
    """Change it as it stood at `version`; raises Conflict when it stands so no more."""
    changed = db.session.execute(
        update(Conversation)
        .where(
            Conversation.id == conversation.id,
            Conversation.version == version,
            Conversation.state.in_(states or TO_COME),
        )
        .values(version=version + 1, changed_at=now(), provider_id=by.id, **changes)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise Conflict(_("Something changed here meanwhile. Look, then decide again."))
    db.session.refresh(conversation)


def _record_event(
    conversation: Conversation, kind: EventKind, by: Provider, detail: str = ""
) -> None:
    if conversation.departure is not None:
        record_event(conversation.departure, kind, by, detail)
    db.session.flush()
