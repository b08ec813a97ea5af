"""Tell which departure of the list is which one of the database. Pure: rows in, pairs set.

A departure recorded twice would say goodbye twice, so in doubt it is the one that stands.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from service.imports.actions.drafts import DepartureDraft
from service.models import Departure, Stage
from service.models.clients import name_key

Rule = Callable[[DepartureDraft, Departure], bool]


def match(drafts: Iterable[DepartureDraft], standing: Iterable[Departure]) -> None:
    """Set `standing` of each draft that the database has already; each row is taken once.

    The surest rule goes first over all drafts, so that a moved date takes nobody else's row.
    """
    free: dict[int, list[Departure]] = defaultdict(list)
    for departure in standing:
        free[departure.client_id].append(departure)
    left = [draft for draft in drafts if draft.contact.client.standing is not None]
    lonely = _lonely(left)
    rules: tuple[Rule, ...] = (
        lambda draft, row: _same_contact(draft, row) and _same_days(draft, row),
        lambda draft, row: _same_contact(draft, row) and _same_day(draft, row),
        _same_day,
        lambda draft, row: _key(draft) in lonely and _may_have_moved(draft, row),
    )
    for rule in rules:
        left = [draft for draft in left if not _take(draft, free, rule)]


def _take(draft: DepartureDraft, free: dict[int, list[Departure]], rule: Rule) -> bool:
    client = draft.contact.client.standing
    rows = free[client.id] if client is not None else []
    for row in rows:
        if _same_service(draft, row) and rule(draft, row):
            draft.standing = row
            rows.remove(row)
            return True
    return False


def _same_service(draft: DepartureDraft, row: Departure) -> bool:
    ours, theirs = name_key(draft.values.get("service", "")), name_key(row.service)
    return ours == theirs or not ours or not theirs


def _same_contact(draft: DepartureDraft, row: Departure) -> bool:
    contact = draft.contact.standing
    return contact is not None and row.contact_id == contact.id


def _same_days(draft: DepartureDraft, row: Departure) -> bool:
    return (
        draft.values.get("end_on") == row.end_on
        and draft.values.get("notice_on", row.notice_on) == row.notice_on
    )


def _same_day(draft: DepartureDraft, row: Departure) -> bool:
    end_on, notice_on = draft.values.get("end_on"), draft.values.get("notice_on")
    return (end_on is not None and end_on == row.end_on) or notice_on == row.notice_on


def _may_have_moved(draft: DepartureDraft, row: Departure) -> bool:
    """Say whether other dates for a departure under way are news of it, not of another one."""
    return (
        _same_contact(draft, row)
        and not row.is_history
        and row.stage not in (Stage.closed, Stage.retained, Stage.returned)
    )


def _key(draft: DepartureDraft) -> tuple[int, str]:
    return id(draft.contact), name_key(draft.values.get("service", ""))


def _lonely(drafts: Iterable[DepartureDraft]) -> set[tuple[int, str]]:
    """Return the contacts and services of which the list tells one departure only."""
    return {key for key, times in Counter(map(_key, drafts)).items() if times == 1}
