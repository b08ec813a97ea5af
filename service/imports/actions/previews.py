"""Which mails the departures of a list will get, before anything of it is recorded. Only reads.

Rows that are not there yet are made for a moment and never added to the session: the plan of the
protocol is pure, and asks no more of them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import inspect

from service.clients.actions import bases
from service.clock import now, today
from service.current import company
from service.departures.actions import departures
from service.departures.actions.acts import HOUR
from service.departures.actions.departures import Facts
from service.departures.queries import panels
from service.extensions import Model
from service.imports.actions.plans import service_of
from service.imports.rules.drafts import DepartureDraft
from service.mail.policy import suppressions
from service.models import Client, Contact, Departure, Enrolment, EnrolmentState
from service.models.protocols import fitting
from service.protocols.queries import protocols, situations
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT

APART = {"reasons", "responsible_id"}  # no fields of Facts: rows of their own, and an id


def of(drafts: Sequence[DepartureDraft]) -> list[panels.Panel]:
    """Return the mails of each departure whose protocol begins with the import, in that order."""
    choices = protocols.choices()
    unwanted = suppressions.find_all([draft.contact.values["email"] for draft in drafts])
    known = [draft.existing for draft in drafts if draft.existing]
    recorded = situations.of_all(known) if known else {}
    found = []
    for draft in drafts:
        departure = _departure(draft)
        protocol = fitting(choices, departure.service, departure.reasons)
        enrolment = Enrolment(
            state=EnrolmentState.active, enrolled_at=now(), not_before=now() + HOUR
        )
        steps = protocol.steps if protocol else BUILT_INS[DEFAULT]
        situation = situations.new(departure, enrolment, steps, company())
        if draft.existing:
            situation = replace(
                recorded[draft.existing.id], departure=departure, enrolment=enrolment
            )
        found.append(panels.of(situation, unwanted))
    return found


def _departure(draft: DepartureDraft) -> Departure:
    """Return the departure as it will be, with its people."""
    existing, contact = draft.existing, _contact(draft)
    if existing is None:
        given = {name: value for name, value in draft.values.items() if name not in APART}
        facts = Facts(**{**given, "service": service_of(draft)})
        columns = departures.columns_of(facts, None, today(company().time_zone), is_history=False)
        reasons = set(draft.values.get("reasons", ()))
    else:
        given = {name: value for name, value in draft.values.items() if name != "reasons"}
        columns = {**_columns(existing), **given, "is_history": False}
        reasons = set(draft.values.get("reasons", existing.reasons))
    left_on = columns["end_on"] or columns["notice_on"]
    if contact.left_on is None or contact.left_on < left_on:
        contact.left_on, contact.basis = left_on, bases.basis_of(left_on)
    departure = Departure(**columns, client=contact.client, contact=contact)
    departure.reasons = reasons
    return departure


def _contact(draft: DepartureDraft) -> Contact:
    """Return a copy of the contact as it will be, of a copy of its client."""
    contact, client = draft.contact, draft.contact.client
    said = {"keep_in_touch": True, "newsletter": True, "greetings": True, "check_ins": True}
    if contact.existing:
        said = _columns(contact.existing)
    sample = client.existing.is_sample if client.existing else False
    name = client.values.get("name") or (client.existing.name if client.existing else "")
    return Contact(
        **{**said, **contact.values}, client=Client(name=name, name_key="", is_sample=sample)
    )


def _columns(row: Model) -> dict[str, Any]:
    """Return the columns of a row that say something about it: no ids of it or of others."""
    names = [column.key for column in inspect(type(row)).column_attrs]
    return {name: getattr(row, name) for name in names if not name.endswith("id")}
