"""All that the protocol asks about one departure, looked up already. No I/O."""

from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from service.models.departures import Departure, Enrolment
from service.models.outbox import OutboxMessage
from service.models.steps import Step
from service.models.surveys import Invitation, InvitationKind, Recovery, Response
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT


@dataclass(slots=True)
class Situation:
    """All that the protocol asks about one departure. `mails` holds each step's latest row.

    `steps` are those of its protocol as it is now, in their order.
    """

    departure: Departure
    enrolment: Enrolment | None
    zone: str
    steps: tuple[Step, ...] = BUILT_INS[DEFAULT]
    mails: dict[str, OutboxMessage] = field(default_factory=dict)
    cycles: dict[str, int] = field(default_factory=dict)  # rows written so far, step by step
    invitations: dict[InvitationKind, Invitation] = field(default_factory=dict)
    response: Response | None = None
    recovery: Recovery | None = None
    has_testimonial: bool = False

    @property
    def answered_at(self) -> datetime | None:
        """When the answer was sent; a partial one does not count."""
        return self.response.submitted_at if self.response else None

    def step(self, name: str | None) -> Step | None:
        """Return the step of that name, if the protocol has it and it is switched on."""
        return next((step for step in self.steps if step.name == name and step.is_on), None)

    def day_of(self, moment: datetime) -> date:
        """Return the day that `moment` falls on for the provider."""
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def is_closed(self, kind: InvitationKind, at: datetime) -> bool:
        """Say whether there was a link of `kind` and it is good no more."""
        invitation = self.invitations.get(kind)
        return invitation is not None and not invitation.is_open(at)
